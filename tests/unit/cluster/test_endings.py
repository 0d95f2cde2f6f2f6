"""How a pod ended, by what kubelet and agent left behind."""

import json
from datetime import UTC, datetime

import pytest

from runnerpool.api.failure_causes import FailureCause
from runnerpool.cluster.endings import read_ending
from runnerpool.cluster.last_words import last_word_of


def ended(code=None, *, reason="Error", phase="Failed", cause=None, told=None, **status):
    message = json.dumps({"cause": cause, "message": "why"}) if cause else told
    terminated = {"exitCode": code, "reason": reason, "message": message} if code is not None else None
    containers = [] if terminated is None else [{"state": {"terminated": terminated}}]
    return {"phase": phase, "containerStatuses": containers, **status}


DISRUPTED = {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]}
EVICTED = {"reason": "Evicted", "message": 'Usage of EmptyDir volume "scratch" exceeds the limit "10Mi". '}


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (ended(0, phase="Succeeded", reason="Completed", cause="Drained"), None),
        (ended(0, phase="Succeeded", reason="Completed"), None),
        (ended(0, phase="Succeeded", reason="Completed", cause="RunnerSilent"), FailureCause.RUNNER_SILENT),
        (ended(4, cause="RunnerFailed"), FailureCause.RUNNER_CRASHED),
        (ended(4, cause="RunnerHung"), FailureCause.RUNNER_HUNG),
        (ended(4, cause="RunnerDeaf"), FailureCause.RUNNER_DEAF),
        (ended(4, cause="ScratchFull"), FailureCause.SCRATCH_FULL),
        (ended(4, cause="UploadRejected"), FailureCause.UPLOAD_REJECTED),
        (ended(5, cause="Unhealthy"), FailureCause.RUNNER_SILENT),
        (ended(5, cause="ContactLost"), FailureCause.CONTACT_LOST),
        (ended(3, cause="Unregistered"), FailureCause.RUNNER_UNREGISTERED),
        (ended(2, cause="InvalidConfiguration"), FailureCause.CONFIGURATION_INVALID),
        (ended(5, cause="Terminated"), FailureCause.EVICTED),
        (ended(4, cause="SomethingNew"), FailureCause.RUNNER_CRASHED),
        (ended(1), FailureCause.AGENT_FAILED),
        (ended(2), FailureCause.CONFIGURATION_INVALID),
        (ended(3), FailureCause.RUNNER_UNREGISTERED),
        (ended(5), FailureCause.EVICTED),
        (ended(4), FailureCause.RUNNER_CRASHED),
        (ended(137), FailureCause.AGENT_FAILED),
        (ended(143), FailureCause.AGENT_FAILED),
        (ended(0), FailureCause.AGENT_FAILED),
        (ended(137, reason="OOMKilled"), FailureCause.OUT_OF_MEMORY),
        (ended(4, reason="OOMKilled", cause="RunnerFailed"), FailureCause.OUT_OF_MEMORY),
        (ended(128, reason="StartError"), FailureCause.STARTUP_FAILED),
        (ended(), FailureCause.STARTUP_FAILED),
        (ended(reason="Evicted"), FailureCause.STARTUP_FAILED),
        ({"phase": "Failed", "reason": "Evicted"}, FailureCause.EVICTED),
        ({"phase": "Failed", **EVICTED}, FailureCause.SCRATCH_FULL),
        ({"phase": "Failed", "reason": "NodeLost"}, FailureCause.NODE_LOST),
        ({"phase": "Failed", "reason": "Terminated"}, FailureCause.EVICTED),
        (ended(137, **DISRUPTED), FailureCause.EVICTED),
    ],
)
def test_an_ended_pod_has_the_cause_that_the_surest_witness_tells(status, cause):
    assert read_ending(status).cause is cause


@pytest.mark.parametrize(
    "status",
    [
        *(ended(code) for code in (1, 2, 3, 4, 5, 137, 143)),
        ended(137, reason="OOMKilled"),
        ended(128, reason="StartError"),
        ended(4, cause="SomethingNew"),
        ended(4, cause="RunnerFailed"),
        {"phase": "Failed"},
        {"phase": "Failed", "reason": "NodeLost"},
        {"phase": "Failed", **EVICTED},
    ],
)
def test_a_failed_pod_has_one_cause_wherever_it_is_told(status):
    assert last_word_of(status).cause == read_ending(status).cause


@pytest.mark.parametrize("told", [None, "not JSON", "[1]", "7"])
def test_a_termination_message_that_is_not_the_agents_changes_nothing(told):
    ending = read_ending(ended(4, told=told))

    assert (ending.cause, ending.text) == (FailureCause.RUNNER_CRASHED, "exit code 4")


def test_a_container_that_still_runs_is_passed_over():
    status = ended(4)
    status["containerStatuses"].insert(0, {"state": {"running": {}}})

    assert read_ending(status).text == "exit code 4"


def test_a_pod_ended_when_the_last_word_of_it_was_written():
    status = ended(4, conditions=[{"type": "Ready", "lastTransitionTime": "2026-11-23T10:00:07Z"}, {"type": "Odd"}])
    status["containerStatuses"][0]["state"]["terminated"]["finishedAt"] = "2026-11-23T10:00:05Z"

    assert read_ending(status).at == datetime(2026, 11, 23, 10, 0, 7, tzinfo=UTC)
    assert read_ending({"phase": "Failed"}).at is None
