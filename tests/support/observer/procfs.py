"""Command lines and environments of this machine's processes, those in containers among them."""

from pathlib import Path

from support.observer.records import Text

_PROC = Path("/proc")


def arguments_and_environments(root: Path = _PROC) -> list[Text]:
    """What every process shows of itself; those of other users, where the kernel keeps them back, are left out."""
    texts = []
    for process in root.glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            parts = [(part, (process / part).read_bytes()) for part in ("cmdline", "environ")]
        except OSError:
            continue  # it has ended, or is another user's
        texts += [Text(place=f"{part} of process {name}", content=content) for part, content in parts]
    return texts
