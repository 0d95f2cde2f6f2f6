import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
SUITE = """
import os
import time
from pathlib import Path

import pytest

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(4))
def test_of_a_group(number, request):
    Path("seen", f"{number}-{os.getpid()}").write_text(request.node.nodeid)
    time.sleep(0.1)  # a process that is free would take the next one
"""


def test_tests_of_a_group_run_in_one_process_under_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "seen").mkdir()
    plugins = ("-p", "xdist", "-p", "support.grouping")
    command = [sys.executable, "-m", "pytest", *plugins, "--numprocesses=2", "--dist=loadgroup", "."]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(TESTS), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "4 passed" in run.stdout, run.stdout

    seen = list((tmp_path / "seen").iterdir())
    assert len({file.name.partition("-")[2] for file in seen}) == 1
    assert {file.read_text() for file in seen} == {f"test_suite.py::test_of_a_group[{number}]" for number in range(4)}
