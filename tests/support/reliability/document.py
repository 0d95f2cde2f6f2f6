"""docs/reliability.md: every fault that is played, what a pool said of it and how fast, from the results of one run."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from support.reliability.results import Result
from support.reliability.study import FAULTS, IN_PART, NOT_PLAYED, passed

_HEAD = """\
# Reliability

<!-- Written by `make reliability` from the results of its tests. `make unit` refuses what was changed by hand. -->

What goes wrong in the first month of a pool, played on a real API server or a real node, and what came of it. *Told
after*: seconds from the cause until the reason is shown, by a condition of the pool as a rule; by an event, a metric,
the pool's status or what was done where no condition tells of such a thing. *Healed after*: seconds from the cure, or
where there is none from the cause, until the reason is gone and the pool is Ready, or until what was lost is made up
for. Ids with a letter and a number are those of the tests' markers.
"""
_COLUMNS = ("Case", "Ids", "Outcome", "Reason shown", "Told after", "Healed after")
_DIGEST = re.compile(r"^<!-- digest: ([0-9a-f]{64}) -->\n\Z", re.MULTILINE)
_FILE = re.compile(r"^\[(tests/[^\]]+\.py)\]\(")
_CAPITALS: Mapping[str, str] = {"api": "API", "crd": "CRD", "tls": "TLS", "rbac": "RBAC", "peertube": "PeerTube"}
_ABSENT = "–"  # noqa: RUF001 (a dash of its own in a table's empty cell)


def render(results: Sequence[Result], not_played: Mapping[str, str] = NOT_PLAYED) -> str:
    """The page, with its digest at the end."""
    page = "\n".join([_HEAD, *_summary(results), *_areas(results), *_rest(not_played, IN_PART)])
    return f"{page}\n<!-- digest: {digest(page)} -->\n"


def digest(page: str) -> str:
    return hashlib.sha256(page.rstrip().encode()).hexdigest()


def untouched(page: str) -> bool:
    """The page is as it was written."""
    found = _DIGEST.search(page)
    return found is not None and found[1] == digest(page[: found.start()])


def cases(page: str) -> set[tuple[str, str]]:
    """File and sentence of each case on a page."""
    found, file = set(), ""
    for line in page.splitlines():
        heading = _FILE.match(line)
        if heading:
            file = heading[1]
        elif line.startswith("## "):
            file = ""
        elif file and line.startswith("| ") and not line.startswith(("| Case", "| ---")):
            found.add((file, re.split(r"(?<!\\) \|", line.removeprefix("| "))[0]))
    return found


def faults(page: str) -> set[str]:
    """Ids of the study's faults that some case on a page plays."""
    cells = (re.split(r"(?<!\\) \|", line) for line in page.splitlines() if line.startswith("| "))
    told = {fault.strip() for row in cells if len(row) > len(_COLUMNS) for fault in row[1].split(",")}
    return told & set(FAULTS)


def case_of(test: str) -> tuple[str, str]:
    """File and sentence of a test, by its node id."""
    file, _, name = test.partition("::")
    return file, sentence(name)


def sentence(name: str) -> str:
    """What a test's name says, with the case that it was given behind a colon."""
    plain, bracket, given = name.rpartition("::")[2].partition("[")
    words = [_CAPITALS.get(word, word) for word in plain.removeprefix("test_").split("_")]
    told = " ".join(words)
    told = f"{told[:1].upper()}{told[1:]}"
    case = given.removesuffix("]").replace("|", "\\|").replace("\n", " ") if bracket else ""
    return f"{told}: {case}" if case else told


def area(file: str) -> str:
    """The heading under which a file's cases stand, from its name."""
    words = PurePosixPath(file).stem.removeprefix("test_").split("_")
    told = " ".join(_CAPITALS.get(word, word) for word in words)
    return f"{told[:1].upper()}{told[1:]}"


def _summary(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        yield "No case has run yet.\n"
        return
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("failed", "skipped")}
    others = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    told = f"{len(results)} cases, {f'but {others}' if others else 'all passed'}"
    commits = ", ".join(f"`{commit}`" for commit in sorted({result.commit for result in results if result.commit}))
    machines = "; ".join(sorted({result.machine for result in results}))
    yield f"{told}; commit {commits or 'unknown'}, on {machines}.\n"
    yield f"{len(passed(results))} of the {len(FAULTS)} faults of the study are played and pass.\n"


def _areas(results: Sequence[Result]) -> Iterator[str]:
    for file in sorted({case_of(result.test)[0] for result in results}, key=lambda file: (area(file), file)):
        yield f"## {area(file)}\n"
        yield f"[{file}](../{file})\n"
        yield _row(_COLUMNS)
        yield _row(["---"] * len(_COLUMNS))
        rows = [result for result in results if case_of(result.test)[0] == file]
        yield from (_row(_cells(result)) for result in sorted(rows, key=lambda result: case_of(result.test)))
        yield ""


def _rest(not_played: Mapping[str, str], in_part: Mapping[str, str]) -> Iterator[str]:
    """The faults that nobody plays, and what is left out of others."""
    told = dict(not_played) | {f"{fault}, in part": why for fault, why in in_part.items()}
    yield "## Not played\n"
    yield _row(("Id", "Why"))
    yield _row(["---"] * 2)
    yield from (_row((fault, _escaped(why))) for fault, why in told.items())
    yield ""


def _cells(result: Result) -> Sequence[str]:
    reason = f"`{result.reason}`" if result.reason and result.reason.isalnum() else result.reason
    return (
        case_of(result.test)[1],
        ", ".join(result.ids) or _ABSENT,
        result.outcome,
        _escaped(reason) if reason else _ABSENT,
        _seconds(result.tell),
        _seconds(result.heal),
    )


def _seconds(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.1f} s"


def _escaped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
