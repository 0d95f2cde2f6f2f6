"""What a soak test found out, kept in a file until the page is made of all of them."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parents[3] / "build" / "soak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One test.

    Attributes:
        test: Its name, a sentence.
        seconds: How long it took.
        figures: What it found out, by what that is, in the order in which it is told.
    """

    test: str
    seconds: float = 0.0
    figures: dict[str, int] = field(default_factory=dict)


@contextmanager
def recorded(test: str, results: Path = RESULTS) -> Iterator[Record]:
    """A record to fill in; it is written at the end of the block unless that fails."""
    record = Record(test=test)
    started = time.monotonic()
    yield record
    results.mkdir(parents=True, exist_ok=True)
    told = {"test": test, "seconds": time.monotonic() - started, "figures": record.figures}
    (results / f"{test}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def read(results: Path = RESULTS) -> list[Record]:
    """All records of a run, by name."""
    return [Record(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(results.glob("*.json"))]
