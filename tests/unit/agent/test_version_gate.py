import os
import sys
from pathlib import Path

import pytest

from runnerpool_agent import version_gate
from runnerpool_agent.version_gate import UnsupportedRunnerError, check, runner_version

FAKE = (sys.executable, str(Path(__file__).parents[2] / "support" / "agent" / "fake_runner.py"))


@pytest.mark.parametrize(
    ("answer", "version"), [("0.6.0\n", "0.6.0"), ("0.1.0", "0.1.0"), ("v1.0.0-rc.1", "1.0.0-rc.1")]
)
def test_a_runner_that_can_drain_is_taken(answer: str, version: str) -> None:
    assert check("peertube-runner", answer) == version


@pytest.mark.parametrize("answer", ["0.0.21", "0.0.99\n"])
def test_an_older_runner_is_refused_with_the_remedy(answer: str) -> None:
    with pytest.raises(UnsupportedRunnerError, match=r"version 0\.0\.\d+, which cannot drain.*0\.1\.0.*RUNNER_VERSION"):
        check("peertube-runner", answer)


def test_a_program_without_a_version_is_refused() -> None:
    with pytest.raises(UnsupportedRunnerError, match="is it PeerTube's runner"):
        check("peertube-runner", "usage: …")


async def test_the_program_is_asked() -> None:
    environment = {**os.environ, "FAKE_RUNNER_VERSION": "0.3.1"}
    assert await runner_version(FAKE, environment) == "0.3.1"


async def test_a_missing_program_names_the_package() -> None:
    with pytest.raises(UnsupportedRunnerError, match=r"cannot be run.*@peertube/peertube-runner"):
        await runner_version(["/nonexistent/peertube-runner"], os.environ)


async def test_a_program_that_hangs_is_ended_and_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version_gate, "_TIMEOUT_SECONDS", 0.5)
    with pytest.raises(UnsupportedRunnerError, match="did not answer"):
        await runner_version(["sh", "-c", "exec sleep 60"], os.environ)
