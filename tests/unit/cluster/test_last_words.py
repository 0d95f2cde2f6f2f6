import json

import pytest

from runnerpool.api.loss_causes import LossCause
from runnerpool.cluster.last_words import last_word_of
from runnerpool.planning.endings import EndedJob, Fate
from support.builders import NOW

JOB = "00000000-0000-4000-8000-000000000001"
GOOD = {"uuid": JOB, "type": "t", "fate": "lost", "seconds": 12.6}


def status(message=None, *, pod_reason=None, **terminated):
    state = {"finishedAt": "2026-11-23T12:00:00Z"} | terminated
    if message is not None:
        state["message"] = message if isinstance(message, str) else json.dumps(message)
    waiting = {"name": "sidecar", "state": {"running": {}}}
    return {"reason": pod_reason, "containerStatuses": [waiting, {"name": "runner", "state": {"terminated": state}}]}


def test_the_agents_word_tells_cause_and_jobs():
    word = last_word_of(status({"cause": "RunnerHung", "message": "m", "jobs": [GOOD]}))

    assert (word.cause, word.time) == ("RunnerHung", NOW)
    assert word.jobs == (EndedJob(uuid=JOB, fate=Fate.LOST, seconds=13),)


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ("RunnerFailed", "RunnerCrashed"),
        ("Unregistered", "RunnerUnregistered"),
        ("Drained", "Drained"),
        ("DrainDeadline", "DrainDeadline"),
        ("RunnerSilent", "RunnerSilent"),
        ("<b>", "AgentFailed"),
    ],
)
def test_words_are_those_of_the_closed_list(told, cause):
    assert last_word_of(status({"cause": told})).cause == cause


def test_a_message_without_jobs_says_that_none_was_lost_and_no_message_says_nothing():
    assert last_word_of(status({"cause": "Drained"})).jobs == ()
    assert last_word_of(status()).jobs is None
    assert last_word_of(status("not json")).jobs is None
    assert last_word_of(status("[1]")).jobs is None


def test_a_runner_that_crashed_in_a_pod_that_was_being_evicted_has_crashed():
    evicted = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert last_word_of(status({"cause": "RunnerFailed"}) | evicted).cause == "RunnerCrashed"
    assert last_word_of(status({"cause": "DrainDeadline"}) | evicted).cause == "DrainDeadline"


def test_the_kubelet_knows_of_memory_and_eviction():
    assert last_word_of(status({"cause": "RunnerFailed"}, reason="OOMKilled")).cause == "OutOfMemory"
    assert last_word_of({"reason": "Evicted"}).cause == "Evicted"
    full = {"reason": "Evicted", "message": 'Usage of EmptyDir volume "scratch" exceeds the limit "50Gi".'}
    assert last_word_of(full).cause == "ScratchFull"
    assert last_word_of({}).cause == "StartupFailed"
    assert last_word_of(status(exitCode=137)).cause == "AgentFailed"
    assert last_word_of(status(exitCode=0) | {"phase": "Succeeded"}).cause == "AgentFailed"
    assert last_word_of({}).time is None


@pytest.mark.parametrize(
    "bad",
    [
        7,
        GOOD | {"uuid": "x"},
        GOOD | {"fate": "eaten"},
        GOOD | {"fate": []},
        GOOD | {"seconds": "1"},
        GOOD | {"seconds": -1},
        GOOD | {"seconds": 10**12},
    ],
)
def test_a_job_that_cannot_be_read_is_left_out(bad):
    both, one = (last_word_of(status({"jobs": jobs})).jobs for jobs in ([bad, GOOD], [GOOD]))

    assert both == one != ()


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ("LostJob", LossCause.LOST_JOB),
        ("DrainDeadline", None),
        ("<b>", None),
        (["LostJob"], None),
        (None, None),
    ],
)
def test_a_job_has_a_cause_of_its_own_only_if_its_pod_could_outlive_it(told, cause):
    (job,) = last_word_of(status({"jobs": [GOOD | {"cause": told}]})).jobs

    assert job.cause is cause


def test_a_message_may_not_name_jobs_without_end():
    assert len(last_word_of(status({"jobs": [GOOD] * 100})).jobs) == 8
    assert last_word_of(status({"jobs": {"a": 1}})).jobs == ()
