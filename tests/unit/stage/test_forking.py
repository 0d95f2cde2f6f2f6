import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runnerpool import __version__
from support.cluster.processes import identify
from support.stage.forking import the_zygote
from support.stage.waiting import until

_SECONDS = 20.0
_NOBODY = """
apiVersion: v1
kind: Config
current-context: nobody
clusters: [{name: nobody, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
users: [{name: nobody, user: {token: none}}]
"""
_STARTER = """
import sys, time
from pathlib import Path
from support.stage.forking import the_zygote
print(the_zygote().fork(sys.argv[2:], Path(sys.argv[1])), flush=True)
time.sleep(600)
"""


def test_a_fork_does_what_the_command_does(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "operator.log"

    the_zygote().fork(["version"], log)

    until(log.exists, "the log", seconds=_SECONDS)
    assert until(log.read_text, "its version", seconds=_SECONDS) == f"{__version__}\n"


def test_a_fork_has_the_environment_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "operator.log"
    the_zygote()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))

    the_zygote().fork(["check-uninstall"], log)

    until(lambda: log.exists() and str(tmp_path / "missing") in log.read_text(), "its complaint", seconds=_SECONDS)


def test_forks_end_with_who_had_them_made_even_if_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(_NOBODY)
    options = ["run", "--runner-image=none", f"--kubeconfig={tmp_path / 'kubeconfig'}", "--namespace=none"]
    options += ["--metrics-port=0", "--health-port=0"]
    command = [sys.executable, "-c", _STARTER, str(tmp_path / "operator.log"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        operator = identify("operator", int(starter.stdout.readline()))
        assert operator.alive

        starter.send_signal(signal.SIGKILL)

    until(lambda: not operator.alive, "the end of the fork", seconds=_SECONDS)
