"""The runner's log made comparable: one string a record, what differs by chance replaced."""

import re
from pathlib import Path

_FIRST = re.compile(r"^\[\d\d:\d\d:\d\d\.\d{3}\] (?P<level>[A-Z]+) \(\d+\): (?P<message>.*)$")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CHANCE = (
    # The recording masks tokens; what stands there shows where the runner prints one.
    (re.compile(rf"(ptr?j?r?t)-(?:{_UUID}|…)"), r"\1-*"),
    (re.compile(_UUID), "*"),
    (re.compile(r"https?://[\w.-]*\w(?::\d+)?"), "URL"),
    # How a server spaces its JSON is its own business.
    (re.compile(r'(?<=\\":) '), ""),
    (re.compile(r', (?=\\")'), ","),
    (re.compile(r"/\S*/peertube-runner-nodejs/"), "DIRECTORY/"),
    (re.compile(r"^(Registering|Registered|Unregistering|Unregistered) runner \S+"), r"\1 runner NAME"),
    (re.compile(r"Cannot unregister runner \S+"), "Cannot unregister runner NAME"),
)


def records(text: str) -> list[str]:
    """All records of a log: level, message and fields; lines that are none (`##`, tables) are left out."""
    found: list[list[str]] = []
    for line in text.splitlines():
        first = _FIRST.match(line)
        if first:
            found.append([f"{first['level']} {_without_chance(first['message'])}"])
        elif line.startswith("    ") and found:
            found[-1].append(_without_chance(line))
    return ["\n".join([head, *_kept(fields)]) for head, *fields in found]


def section(path: Path, title: str) -> str:
    """What a recorded log holds between the line `## title` and the next `##` line."""
    inside = False
    kept = []
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            inside = line == f"## {title}"
        elif inside:
            kept.append(line)
    if not kept:
        raise ValueError(f"{path} has no section '{title}'")
    return "\n".join(kept)


def templates(recorded: list[str]) -> list[str]:
    """The first lines of records: what a program that reads the log goes by."""
    return [record.split("\n", 1)[0] for record in recorded]


def _kept(fields: list[str]) -> list[str]:
    """Fields without the server's answer headers and without the stack's frames (lines of code, not behaviour)."""
    kept = []
    skipped_from: int | None = None
    for line in fields:
        indent = len(line) - len(line.lstrip())
        if skipped_from is not None and indent > skipped_from:
            continue
        skipped_from = indent if line.strip() in {'"stack":', '"header": {'} else None
        kept.append(line)
    return kept


def _without_chance(text: str) -> str:
    for pattern, replacement in _CHANCE:
        text = pattern.sub(replacement, text)
    return text
