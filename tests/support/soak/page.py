"""docs/soak.md, made of the records of one run."""

from collections.abc import Iterator, Sequence

from support.reliability.document import sentence
from support.soak.record import Record

_HEAD = """\
# Soak

Written by `make soak` from the results of its run, never by hand. Each test passed; what it counted stands beside it.

Commit {commit}.

| Test | Took | Counted |
| --- | --- | --- |
"""


def page(records: Sequence[Record], commit: str) -> str:
    """The whole page."""
    return _HEAD.format(commit=commit) + "".join(_rows(records))


def _rows(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        yield f"| {sentence(record.test)} | {_duration(record.seconds)} | {'<br>'.join(record.found)} |\n"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{figure} {unit}" for figure, unit in parts if figure) or "0 s"
