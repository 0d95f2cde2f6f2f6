"""What must never stand in a log of ours."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_FAULTS = (
    "Traceback (most recent call last)",
    "was never awaited",
    "Unclosed ",
    "Task exception was never retrieved",
    "Task was destroyed but it is pending",
    "Future exception was never retrieved",
    "ResourceWarning",
    "DeprecationWarning",
)
# PeerTube's tokens of runners, registrations and jobs, and a bearer's.
_TOKENS = re.compile(r"\bptr?r?j?t-[0-9a-f]{8}-[0-9a-f-]{8,}|\bptrrt-[0-9a-f]{8}|Bearer [0-9A-Za-z]{8,}")


def complaints(text: str, canaries: Iterable[str] = ()) -> list[str]:
    """Lines that no log may have: faults of the program, and secrets (which are not repeated).

    Args:
        text: the log.
        canaries: secrets that were handed to the program.
    """
    return list(_complaints(text, tuple(canaries)))


def _complaints(text: str, canaries: tuple[str, ...]) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if any(canary in line for canary in canaries) or _TOKENS.search(line):
            yield f"line {number} holds a secret"
        for fault in _FAULTS:
            if fault in line:
                yield f"line {number}: {line[:500]}"


def complaints_of(logs: Iterable[Path], canaries: Iterable[str] = ()) -> list[str]:
    """The same of several files."""
    known = tuple(canaries)
    return [f"{log.name}: {text}" for log in logs for text in complaints(log.read_text(errors="replace"), known)]
