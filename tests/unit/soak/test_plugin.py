import os
import subprocess
import sys
from pathlib import Path

from support.soak.record import Record, read

TESTS = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.soak
def test_counts(counted):
    counted["rounds"] = 1000
    counted["orphans"] = 0

@pytest.mark.soak
@pytest.mark.fault("R13")
def test_reports_as_a_case(case):
    case.told("QuotaExceeded", 1.23456)
    case.healed(2)

@pytest.mark.soak
def test_fails(counted):
    counted["rounds"] = 1
    assert False

@pytest.mark.soak
def test_is_not_played():
    pytest.skip("not here")

@pytest.fixture
def broken():
    yield
    assert False

@pytest.mark.soak
def test_breaks_afterwards(broken, counted):
    counted["rounds"] = 1

def test_of_something_else():
    pass

@pytest.mark.soak(only=True)
def test_takes_hours(counted):
    counted["hours"] = 3
"""


def records(directory: Path, *, soaking: bool) -> dict[str, Record]:
    """What the suite leaves behind."""
    run(directory, soaking=soaking)
    return {record.test.partition("::")[2]: record for record in read(directory / "results")}


def run(directory: Path, *, soaking: bool) -> str:
    """What the suite prints."""
    (directory / "test_suite.py").write_text(SUITE)
    results = directory / "results"
    (directory / "conftest.py").write_text(
        "from pathlib import Path\n"
        "import pytest\n"
        "import support.reliability.plugin as reliability\n"
        "import support.soak.plugin as soak\n"
        "from support.soak.record import write\n"
        "reliability.append = lambda result, name: None\n"
        f"soak.write = lambda record: write(record, Path({str(results)!r}))\n"
        "@pytest.hookimpl(wrapper=True, trylast=True)\n"
        "def pytest_runtest_makereport(item, call):\n"
        "    report = yield\n"
        "    report.duration = {'setup': 10.0, 'call': 200.0, 'teardown': 3000.0}[report.when]\n"
        "    return report\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "support.reliability.plugin", "-p", "support.soak.plugin", "."]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment["RUNNERPOOL_SOAK"] = "1" if soaking else "0"
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False).stdout


def test_each_soak_test_that_passes_to_the_end_of_its_fixtures_leaves_what_it_found_and_took(tmp_path: Path) -> None:
    left = records(tmp_path, soaking=True)
    assert {test: record.found for test, record in left.items()} == {
        "test_counts": ("1,000 rounds", "0 orphans"),
        "test_reports_as_a_case": ("QuotaExceeded (told after 1.2 s)", "healed after 2.0 s"),
        "test_takes_hours": ("3 hours",),
    }
    assert {record.seconds for record in left.values()} == {10.0 + 200.0 + 3000.0}


def test_what_is_for_the_soak_alone_is_left_out_of_other_runs_and_that_is_told(tmp_path: Path) -> None:
    assert "1 deselected" in run(tmp_path, soaking=False)
    assert "deselected" not in run(tmp_path, soaking=True)


def test_in_other_runs_nothing_is_recorded(tmp_path: Path) -> None:
    assert records(tmp_path, soaking=False) == {}
