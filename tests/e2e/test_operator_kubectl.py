"""What an administrator reads."""

import pytest

from support.stage.operator import Operator
from support.stage.site import Site
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

COLUMNS = ["NAME", "PENDING", "PROCESSING", "DESIRED", "READY", "BUSY", "REASON", "AGE"]


def test_a_pool_tells_its_story_in_one_line(here: Site) -> None:
    here.create_pool()

    def row() -> dict[str, str] | None:
        heading, line, *more = here.kubectl("get", "trp").splitlines()
        assert more == []
        assert heading.split() == COLUMNS
        cells = line.split()
        return dict(zip(COLUMNS, cells, strict=True)) if len(cells) == len(COLUMNS) else None

    found = until(row, "a value in every column", seconds=30, evidence=lambda: here.kubectl("get", "trp"))
    assert found is not None
    assert found.pop("AGE").endswith("s")
    reason = found.pop("REASON")
    assert reason.isalnum()
    assert found == {"NAME": "vod", "PENDING": "0", "PROCESSING": "0", "DESIRED": "0", "READY": "0", "BUSY": "0"}


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("trp.spec.scaling", ["idleSeconds", "idleSlots", "lookAhead", "maxReplicas", "minReplicas"]),
        ("trp.spec.runner", ["concurrency", "ffmpeg", "image", "resources", "scratch"]),
        (
            "trp.spec.lifecycle",
            [
                "deafToleranceSeconds",
                "deletionPolicy",
                "drainTimeoutSeconds",
                "evictionGraceSeconds",
                "lostPods",
                "maxUnhealthyPercent",
                "stallToleranceSeconds",
                "startupDeadlineSeconds",
                "unreadyToleranceSeconds",
            ],
        ),
    ],
)
def test_every_field_is_explained(operator: Operator, field: str, fields: list[str]) -> None:
    text = operator.cluster.kubectl("explain", field).stdout
    explained = text.partition("FIELDS:")[2]
    found = {line.split()[0]: number for number, line in enumerate(explained.splitlines()) if _names_field(line)}
    assert sorted(found) == fields
    lines = explained.splitlines()
    for name, number in found.items():
        assert number + 1 < len(lines), name
        description = lines[number + 1 :]
        first = next((line for line in description if line.strip() and not line.strip().startswith("enum:")), "")
        assert len(first.strip()) > 20, f"{field}.{name} is not explained"


def _names_field(line: str) -> bool:
    return line.startswith("  ") and not line.startswith("    ") and "<" in line
