import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.reliability import collected
from support.reliability.results import Result, append, latest, read

TESTS = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.fault("R1", "R2")
def test_a_fault_is_told(case):
    case.told("SecretNotFound", 1.23456)
    case.healed(2)

@pytest.mark.fault("R3")
def test_a_fault_breaks():
    assert False

@pytest.mark.fault("R4")
def test_a_fault_cannot_be_made():
    pytest.skip("not here")

@pytest.fixture
def broken():
    yield
    assert False

@pytest.mark.fault("R5")
def test_a_fault_breaks_afterwards(broken):
    pass

def test_of_something_else():
    pass
"""


def test_every_fault_test_leaves_a_line_of_results_and_no_other_does(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "import support.reliability.plugin as plugin\n"
        "from support.reliability.results import append\n"
        f"plugin.append = lambda result, name: append(result, name, Path({str(tmp_path / 'results')!r}))\n"
    )
    run_pytest(tmp_path, "--numprocesses=2")
    results = {result.test: result for result in read(tmp_path / "results")}
    assert {test.partition("::")[2]: result.outcome for test, result in results.items()} == {
        "test_a_fault_is_told": "passed",
        "test_a_fault_breaks": "failed",
        "test_a_fault_cannot_be_made": "skipped",
        "test_a_fault_breaks_afterwards": "failed",
    }
    told = results["test_suite.py::test_a_fault_is_told"]
    assert (told.ids, told.reason, told.tell, told.heal) == (("R1", "R2"), "SecretNotFound", 1.23, 2)


def test_fault_tests_are_found_as_pytest_collects_them(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_suite.py").write_text(SUITE)
    (tests / "test_other.py").write_text("def test_x(): pass\n")
    settings = f"[pytest]\naddopts = -p support.reliability.plugin\npythonpath = {TESTS}\n"
    (tmp_path / "pytest.ini").write_text(settings)
    assert collected.marked_files(tmp_path) == ["tests/test_suite.py"]
    names = [test.partition("::")[2] for test in collected.collected(tmp_path)]
    assert names == [
        "test_a_fault_breaks",
        "test_a_fault_breaks_afterwards",
        "test_a_fault_cannot_be_made",
        "test_a_fault_is_told",
    ]


def test_files_that_cannot_be_collected_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_broken.py").write_text("import pytest\npytest.mark.fault\nimport no_such_module\n")
    with pytest.raises(collected.CollectionError, match="no_such_module"):
        collected.collected(tmp_path)


def test_the_last_result_of_a_test_counts(tmp_path: Path) -> None:
    first = Result(test="a", ids=(), outcome="failed", reason=None, tell=None, heal=None, at=1.0, commit="", machine="")
    second = Result(
        test="a", ids=("R1",), outcome="passed", reason=None, tell=None, heal=None, at=2.0, commit="", machine=""
    )
    append(second, "one", tmp_path)
    append(first, "two", tmp_path)
    assert read(tmp_path) == latest([first, second]) == [second]


def run_pytest(folder: Path, *options: str) -> None:
    """With as few plugins as it takes: each costs every process its time."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ("-p", "xdist.plugin", "-p", "support.reliability.plugin")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *options, str(folder)]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
