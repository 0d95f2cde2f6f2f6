"""What the agent decides itself, without a runner; tests/contract/test_agent_*.py run it as a whole."""

import asyncio
import logging
from pathlib import Path

import pytest

from runnerpool_agent.agent import CONTACT_LOST_SECONDS, Agent, Settings
from runnerpool_agent.config import AgentConfig
from runnerpool_agent.drain import Cause, Phase
from runnerpool_agent.losses import Rejection
from runnerpool_agent.redaction import Redactor
from support.agent.pod import TOKEN, agent_config

pytestmark = pytest.mark.looptime


def agent(folder: Path) -> Agent:
    settings = Settings(
        drain_file=folder / "drain", scratch=folder / "scratch", port=0, program=["peertube-runner"], adopting=False
    )
    return Agent(AgentConfig.model_validate(agent_config()), settings, Redactor([TOKEN]))


async def test_a_pod_without_contact_for_long_is_too_sick_for_a_drain(tmp_path: Path) -> None:
    pod = agent(tmp_path)
    pod._note_ping(None, 0.0)
    assert pod.sick() is None
    pod._note_ping("ConnectError", 0.0)
    await asyncio.sleep(CONTACT_LOST_SECONDS - 1)
    assert pod.sick() is None
    await asyncio.sleep(1)
    assert pod.sick() is Cause.CONTACT_LOST
    pod.take_signal()
    assert pod._lifecycle.drain.phase is Phase.ABORTING


async def test_loss_and_return_of_contact_are_logged_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pod = agent(tmp_path)
    with caplog.at_level(logging.INFO):
        for failure in (None, None, "HTTP 502", "HTTP 502", "HTTP 502", None, None):
            pod._note_ping(failure, 0.0)
    assert caplog.messages == [
        "no contact with http://127.0.0.1:9: HTTP 502",
        "contact with http://127.0.0.1:9 again",
    ]


async def test_before_anything_runs_the_pod_is_live_but_neither_started_nor_ready(tmp_path: Path) -> None:
    pod = agent(tmp_path)
    assert pod.unlive() == ()
    assert pod.unstarted() == ("Starting: the runner does not run",)
    assert "Starting: the server has not been reached yet" in pod.unready()
    status = pod.status()
    assert status["causes"] == [{"cause": "Starting", "message": "the runner does not run", "seconds": 0.0}]
    assert status["lostSeconds"] == {}
    assert status["runnerVersion"] is None
    assert status["drain"] == {
        "phase": "running",
        "cause": None,
        "seconds": None,
        "abortInSeconds": None,
        "runnerTold": False,
    }
    assert TOKEN not in str(status)


async def test_a_pod_that_goes_as_an_upload_was_rejected_says_so_where_its_readiness_is_asked(tmp_path: Path) -> None:
    pod = agent(tmp_path)
    pod._lifecycle.losses.rejected = Rejection(status=413, at=1.0)
    assert any(word.startswith("UploadRejected: ") and "HTTP 413" in word for word in pod.unready())
