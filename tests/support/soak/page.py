"""docs/soak.md, made of the records of runs. A soak takes hours: a row stays until its test has run again."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from support.reliability.document import sentence
from support.soak.record import Record

_HEAD = """\
# Soak

Written by `make soak` from the results of its runs, never by hand. Each test passed, at the commit beside it;
what it counted stands there, too. What several tests of a file wait for together is in the time of the first to run.

| Test | Commit | Took | Counted |
| --- | --- | --- | --- |
"""
_ROW = re.compile(r"^\| (?P<title>(?!Test |---).*?) \| .*$", re.MULTILINE)


def page(records: Sequence[Record], *, before: str = "", tests: Iterable[str] = ()) -> str:
    """The whole page.

    Args:
        records: Of this run.
        before: The page as it was.
        tests: Node ids of all soak tests that there are: rows of others go.
    """
    there = {sentence(test) for test in tests}
    rows = dict(_rows_of(before, there)) | dict(_rows(records))
    return _HEAD + "".join(row for _, row in sorted(rows.items()))


def _rows_of(before: str, there: Collection[str]) -> Iterator[tuple[str, str]]:
    for row in _ROW.finditer(before):
        if row["title"] in there:
            yield row["title"], f"{row[0]}\n"


def _rows(records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    for record in records:
        title = sentence(record.test)
        yield title, f"| {title} | `{record.commit}` | {_duration(record.seconds)} | {'<br>'.join(record.found)} |\n"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{figure} {unit}" for figure, unit in parts if figure) or "0 s"
