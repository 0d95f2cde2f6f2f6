"""Results of fault tests: one line of JSON a test, in one file a process, so that tests may run side by side."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from support.packaging.paths import ROOT

RESULTS = ROOT / "build" / "reliability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one fault test went.

    Attributes:
        test: its node id, from the root of the project.
        ids: the cases of the reliability study that it plays; our own for what the study does not have.
        outcome: `passed`, `failed` or `skipped`.
        reason: what was shown of the cause.
        tell, heal: seconds until it was shown, and until all was well again.
        at: when it ended, in seconds since the epoch.
        commit: of the tree that was tested, with `+` if it was changed.
        machine: its processors and memory.
    """

    test: str
    ids: tuple[str, ...]
    outcome: str
    reason: str | None
    tell: float | None
    heal: float | None
    at: float
    commit: str
    machine: str


def append(result: Result, name: str, directory: Path = RESULTS) -> None:
    """Write a result into the file of a process."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.jsonl").open("a") as file:
        file.write(f"{json.dumps(asdict(result))}\n")


def read(directory: Path = RESULTS) -> list[Result]:
    """The last result of each test."""
    lines = (line for path in directory.glob("*.jsonl") for line in path.read_text().splitlines())
    return latest(_result(line) for line in lines)


def latest(results: Iterable[Result]) -> list[Result]:
    by_test = {result.test: result for result in sorted(results, key=lambda result: result.at)}
    return [by_test[test] for test in sorted(by_test)]


def _result(line: str) -> Result:
    document = json.loads(line)
    return Result(**document | {"ids": tuple(document["ids"])})
