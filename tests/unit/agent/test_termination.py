import json
from pathlib import Path

import pytest

from runnerpool_agent.drain import Cause
from runnerpool_agent.termination import EndCause, Ending, ExitCode, JobsAtEnd, ending_of_drain, write_message

NOTHING = JobsAtEnd(handed_back=0, lost=0)


@pytest.mark.parametrize("cause", [Cause.DRAIN_ORDERED, Cause.TERMINATED, Cause.ABORT_ORDERED, Cause.DEADLINE])
@pytest.mark.parametrize("aborted", [False, True])
def test_a_pod_that_ends_with_nothing_in_hand_is_drained_however_it_was_ordered(cause: Cause, aborted: bool) -> None:
    ending = ending_of_drain(cause, NOTHING, aborted=aborted)
    assert (ending.code, ending.cause) == (0, EndCause.DRAINED)
    assert cause in ending.message


@pytest.mark.parametrize("jobs", [JobsAtEnd(handed_back=1, lost=0), JobsAtEnd(handed_back=0, lost=1)])
def test_an_abort_that_cut_a_job_says_so_with_its_cause(jobs: JobsAtEnd) -> None:
    ending = ending_of_drain(Cause.DEADLINE, jobs, aborted=True)
    assert (ending.code, ending.cause) == (5, Cause.DEADLINE)
    assert f"{jobs.handed_back} jobs handed back, {jobs.lost} left" in ending.message


@pytest.mark.parametrize("jobs", [JobsAtEnd(handed_back=1, lost=0), JobsAtEnd(handed_back=0, lost=1)])
def test_a_runner_that_dies_in_mid_drain_with_a_job_has_failed(jobs: JobsAtEnd) -> None:
    ending = ending_of_drain(Cause.DRAIN_ORDERED, jobs, aborted=False)
    assert (ending.code, ending.cause) == (4, EndCause.RUNNER_FAILED)


@pytest.mark.parametrize("jobs", [NOTHING, JobsAtEnd(handed_back=0, lost=1)])
def test_a_runner_that_the_server_no_longer_knows_ends_the_pod_with_three(jobs: JobsAtEnd) -> None:
    assert ending_of_drain(Cause.UNREGISTERED, jobs, aborted=True).code is ExitCode.UNREGISTERED


def test_the_message_is_one_line_of_json_that_fits(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    write_message(path, Ending(code=ExitCode.CONFIGURATION, cause=EndCause.INVALID_CONFIGURATION, message="ü\n" * 5000))
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert json.loads(text)["cause"] == "InvalidConfiguration"


def test_the_message_fits_into_what_kubernetes_keeps(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    write_message(path, Ending(code=ExitCode.AGENT, cause=EndCause.AGENT_FAILED, message='"' * 5000))
    assert path.stat().st_size <= 4096


def test_a_message_that_cannot_be_left_does_not_stop_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_message(tmp_path, Ending(code=ExitCode.DRAINED, cause=EndCause.DRAINED, message=""))
    assert "cannot write the termination message" in caplog.text
