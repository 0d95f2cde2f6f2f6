from pathlib import Path

import pytest

from support.soak.page import page
from support.soak.record import Record, read, write


def test_a_record_of_each_test_becomes_a_row(tmp_path: Path) -> None:
    write(Record(test="tests/soak/test_y.py::test_b_is_quiet", found=("0 orphans",), commit="0123"), tmp_path)
    write(
        Record(test="tests/soak/test_x.py::test_a_is_long[by day]", found=("1,000 rounds", "0 aborts"), commit="0123"),
        tmp_path,
    )
    *_, first, second = page(read(tmp_path)).splitlines()
    assert first == "| A is long: by day | `0123` | 0 s | 1,000 rounds<br>0 aborts |"
    assert second == "| B is quiet | `0123` | 0 s | 0 orphans |"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (61, "1 min 1 s"), (3_600, "1 h"), (7_384.6, "2 h 3 min 5 s")]
)
def test_durations_are_told_as_people_do(seconds: float, text: str) -> None:
    assert f"| X | `0123` | {text} |  |\n" in page([Record(test="test_x", seconds=seconds, commit="0123")])


def test_a_row_stays_until_its_test_has_run_again_or_is_no_more() -> None:
    before = page([Record(test=f"test_{name}", seconds=1, commit="0123") for name in ("a", "b", "c")])
    again = page([Record(test="test_b", seconds=2, commit="4567")], before=before, tests=["test_a", "test_b"])
    assert again.splitlines()[-2:] == ["| A | `0123` | 1 s |  |", "| B | `4567` | 2 s |  |"]
    assert "| C |" not in again
