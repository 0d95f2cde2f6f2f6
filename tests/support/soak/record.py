"""What a soak test found out, kept in a file until the page is made of all of them."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from support.packaging.paths import ROOT

RESULTS = ROOT / "build" / "soak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One test that passed, and whose fixtures ended well.

    Attributes:
        test: Its node id, from the root of the project.
        seconds: How long it took with its fixtures. One that several tests share is the first one's to make and the
            last one's to end.
        found: What it found out, in the order in which it is told.
        commit: What it tested, in short; with `+` if the tree differed from it.
    """

    test: str
    seconds: float = 0.0
    found: tuple[str, ...] = ()
    commit: str = ""


def write(record: Record, results: Path = RESULTS) -> None:
    """Keep a record, in a file of its own."""
    results.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(record.test.encode()).hexdigest()[:16]
    (results / f"{name}.json").write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")


def read(results: Path = RESULTS) -> list[Record]:
    """All records of a run, by name."""
    told = (json.loads(path.read_text(encoding="utf-8")) for path in results.glob("*.json"))
    records = (Record(**document | {"found": tuple(document["found"])}) for document in told)
    return sorted(records, key=lambda record: record.test)
