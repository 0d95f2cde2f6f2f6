from dataclasses import replace
from pathlib import Path

import pytest

from support.reliability import __main__ as program
from support.reliability import document
from support.reliability.results import Result

SECRET = Result(
    test="tests/faults/test_bad_pools.py::test_a_pool_whose_secret_is_missing_says_so[at first]",
    ids=("R69", "R71"),
    outcome="passed",
    reason="SecretNotFound",
    tell=1.234,
    heal=None,
    at=1.0,
    commit="abc",
    machine="2 processors, 8 GiB of memory",
)
TLS = replace(
    SECRET,
    test="tests/faults/test_bad_servers.py::test_a_certificate_that_is_too_old_is_refused",
    ids=("R68",),
    reason="refused: a | b",
    heal=3.0,
)
TESTS = [SECRET.test, TLS.test]


def test_the_page_tells_of_each_case_in_a_table_of_its_area() -> None:
    page = document.render([TLS, SECRET])
    row = "| A pool whose secret is missing says so: at first | R69, R71 | passed | `SecretNotFound` | 1.2 s | – |"  # noqa: RUF001
    assert row in page.splitlines()
    row = r"| A certificate that is too old is refused | R68 | passed | refused: a \| b | 1.2 s | 3.0 s |"
    assert row in page.splitlines()
    assert page.index("## Bad pools") < page.index("## Bad servers")
    assert "2 cases, all passed; commit `abc`, on 2 processors, 8 GiB of memory." in page


def test_what_failed_or_was_skipped_is_said_first() -> None:
    page = document.render([replace(SECRET, outcome="failed"), replace(TLS, outcome="skipped")])
    assert "2 cases, but 1 failed, 1 skipped" in page


def test_a_page_of_no_results_says_so() -> None:
    assert "No case has run yet." in document.render([])


@pytest.mark.parametrize("given", ["a|b", "two\nlines", "a] b", "x | y"])
def test_the_cases_of_a_page_are_those_of_its_tests(given: str) -> None:
    odd = replace(SECRET, test=f"tests/faults/test_bad_pools.py::TestX::test_odd[{given}]")
    tests = [odd.test, *TESTS]
    assert document.cases(document.render([odd, SECRET, TLS])) == {document.case_of(test) for test in tests}


def test_a_page_is_right_for_the_tests_that_it_was_made_of_and_for_no_others(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    page.write_text(document.render([SECRET, TLS]))
    assert program.problems(page, TESTS) == []
    (lacks,) = program.problems(page, [*TESTS, "tests/e2e/test_x.py::test_new"])
    assert lacks == "reliability.md lacks 'New' of tests/e2e/test_x.py; `make reliability` writes it anew"
    (more,) = program.problems(page, TESTS[:1])
    assert "has 'A certificate that is too old is refused' of tests/faults/test_bad_servers.py, which is no" in more


@pytest.mark.parametrize(("old", "new"), [("1.2 s", "0.1 s"), ("passed |", "failed |"), ("digest: ", "digest: 0")])
def test_a_figure_changed_by_hand_is_seen(tmp_path: Path, old: str, new: str) -> None:
    page = tmp_path / "reliability.md"
    page.write_text(document.render([SECRET, TLS]).replace(old, new, 1))
    assert program.problems(page, TESTS) == ["reliability.md was changed by hand; `make reliability` writes it anew"]


def test_a_page_that_is_not_there_is_missed(tmp_path: Path) -> None:
    (found,) = program.problems(tmp_path / "reliability.md", [])
    assert found.startswith("there is no reliability.md")


def test_a_page_is_written_only_if_every_case_has_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "reliability.md"
    monkeypatch.setattr(program, "PAGE", page)
    monkeypatch.setattr(program, "collected", lambda: TESTS)
    monkeypatch.setattr(program.study, "unaccounted", lambda faults: [*({"R68", "R69", "R71"} - {*faults})])
    monkeypatch.setattr(program.results, "read", lambda: [SECRET])
    assert program.write() == [f"{TLS.test} has no result; run it first: `make reliability`"]
    assert not page.exists()
    stale = replace(SECRET, test="tests/faults/test_bad_pools.py::test_that_was_removed")
    monkeypatch.setattr(program.results, "read", lambda: [SECRET, TLS, stale])
    assert program.write() == []
    assert program.problems(page, TESTS) == []


def test_a_wrong_command_line_tells_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["wirte"]) == 2
    assert "write|render|check" in capsys.readouterr().err


def test_the_page_in_the_tree_names_every_fault_test_and_was_not_changed_by_hand() -> None:
    assert program.check() == []
