"""Every fault of the study is played, or it is said why not."""

from dataclasses import replace

import pytest

from support.reliability import document, study
from support.reliability.results import Result

RESULT = Result(
    test="tests/faults/test_bad_pools.py::test_it",
    ids=study.FAULTS[:-1],
    outcome="passed",
    reason=None,
    tell=None,
    heal=None,
    at=1.0,
    commit="abc",
    machine="2 processors",
)
REST = {"R82": "no | proxy here"}


def test_there_are_82_and_a_reason_for_one_that_nobody_plays_is_enough() -> None:
    assert len(study.FAULTS) == 82
    assert study.unaccounted(RESULT.ids, REST) == []


@pytest.mark.parametrize(
    ("played", "listed", "told"),
    [
        (RESULT.ids, {}, "R82 is played by no test"),
        (study.FAULTS, REST, "R82 is listed as not played, and some test plays it"),
        (study.FAULTS, {"R83": "?"}, "R83 is listed as not played, and is none of the study's"),
    ],
)
def test_a_fault_is_played_or_listed_and_never_both(played: tuple[str, ...], listed: dict[str, str], told: str) -> None:
    (found,) = study.unaccounted(played, listed)
    assert found.startswith(told)


def test_a_fault_passes_only_if_all_its_cases_do() -> None:
    assert len(study.passed([RESULT])) == 81
    assert "R1" not in study.passed([RESULT, replace(RESULT, test="other", ids=("R1",), outcome="failed")])
    assert study.passed([replace(RESULT, ids=("grown",))]) == ()


def test_the_page_counts_them_and_lists_the_rest_which_are_no_cases() -> None:
    page = document.render([RESULT], REST)
    assert "81 of the 82 faults of the study are played and pass." in page
    assert r"| R82 | no \| proxy here |" in page.splitlines()
    assert document.faults(page) == set(RESULT.ids)
    assert document.cases(page) == {document.case_of(RESULT.test)}
    assert "| R80, in part | two clusters" in page
    assert "| R82 |" not in document.render([RESULT], {})
