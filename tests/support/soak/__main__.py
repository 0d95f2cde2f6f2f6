"""`PYTHONPATH=tests python -m support.soak`: writes docs/soak.md from the records of the last `make soak`."""

import subprocess
import sys

from support.packaging.paths import ROOT
from support.reliability.collected import collected
from support.soak.page import page
from support.soak.plugin import MARKER
from support.soak.record import read

PAGE = ROOT / "docs" / "soak.md"


def main() -> int:
    """0, or 1 if nothing was recorded."""
    records = read()
    if not records:
        print("there are no records of a soak; run `make soak`", file=sys.stderr)
        return 1
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    made = page(records, _commit(), before=before, tests=collected(marker=MARKER))
    PAGE.write_text(made, encoding="utf-8")
    return 0


def _commit() -> str:
    """What was tested; the page itself does not count as a change."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":!docs/soak.md")
    commit = _git("rev-parse", "--short=12", "HEAD")
    return f"`{commit}`" + (" and changes" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
