from dataclasses import replace
from datetime import timedelta

import pytest

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.control.actor import Trouble
from runnerpool.control.backoff import AFTER_REFUSED_CREATIONS
from runnerpool.control.memory import PoolMemory
from runnerpool.planning.plan import Create
from runnerpool.planning.snapshot import PodStage, RunnerPod
from support.fakes import START

POD = RunnerPod(name="vod-0a1b2-1", uid="u1", ordinal=1, created=START, stage=PodStage.READY, ready_since=START)
REFUSED = Trouble(
    step=Create(ordinal=1, reason=Reason.RESERVED, message="made"), reason=Reason.QUOTA_EXCEEDED, message="no room"
)
FAILED = replace(POD, stage=PodStage.ENDED, ready_since=None, failure=FailureCause.RUNNER_CRASHED, ended_at=START)


def after(seconds: float):
    return START + timedelta(seconds=seconds)


def test_refused_creations_are_tried_again_soon_enough_to_notice_a_cure_within_half_a_minute():
    assert max(AFTER_REFUSED_CREATIONS) <= 20


def test_a_job_seen_on_a_pod_is_remembered_until_the_pod_has_gone():
    memory = PoolMemory()

    memory.note_jobs({POD.name: 1, "somebody-elses": 2}, [POD], START)
    assert memory.last_job_seen == {POD.name: START}

    memory.note_jobs({}, [], after(20))
    assert memory.last_job_seen == {}


def test_a_pod_is_idle_from_the_first_look_that_finds_no_job_on_it():
    memory = PoolMemory()
    memory.note_jobs({POD.name: 1}, [POD], START)

    memory.note_jobs({POD.name: 0}, [POD], after(10))
    assert memory.last_job_seen == {POD.name: after(10)}

    memory.note_jobs({}, [POD], after(20))
    assert memory.last_job_seen == {POD.name: after(10)}


def counts(memory):
    return [failure.count for failure in memory.failures]


def test_a_failed_pod_counts_once_however_often_it_is_seen():
    memory = PoolMemory()

    memory.note_pods([FAILED], START)
    assert memory.take_new_failures() == [FailureCause.RUNNER_CRASHED]
    memory.note_pods([FAILED], after(1))

    assert counts(memory) == [1]
    assert memory.take_new_failures() == []
    assert memory.last_end == "vod-0a1b2-1: nobody told how it ended"


def test_pods_that_fail_one_after_the_other_are_a_row():
    memory = PoolMemory()

    memory.note_pods([FAILED], START)
    memory.note_pods([FAILED, replace(FAILED, uid="u2", created=after(1))], after(3))

    assert counts(memory) == [2]


def test_a_pod_made_after_a_failure_that_stays_ready_for_a_minute_ends_the_row():
    memory = PoolMemory()
    memory.note_pods([FAILED], START)
    new = replace(POD, uid="u2", created=after(1), ready_since=after(1))

    memory.note_pods([new], after(60))
    assert counts(memory) == [1]

    memory.note_pods([new], after(61))
    assert counts(memory) == []


def test_a_pod_that_was_there_before_the_failure_proves_nothing():
    memory = PoolMemory()
    memory.note_pods([FAILED], after(1))

    memory.note_pods([POD], after(600))

    assert counts(memory) == [1]


def test_a_pod_made_after_a_failure_that_drains_ends_the_row():
    memory = PoolMemory()
    memory.note_pods([FAILED], START)

    memory.note_pods([replace(FAILED, uid="u2", created=after(1), succeeded=True, failure=None)], after(2))

    assert counts(memory) == []


@pytest.mark.parametrize("told", [{"drain_order": "abort"}, {"deleting": True}])
def test_a_pod_that_was_told_to_go_before_its_jobs_ended_is_no_failure(told):
    memory = PoolMemory()

    memory.note_pods([replace(FAILED, **told)], START)

    assert counts(memory) == []


TOLD = {"failures": [{"cause": "RunnerCrashed", "count": 3, "lastTime": "2026-11-23T12:00:00Z"}]}


def test_an_earlier_process_failures_are_recalled_once():
    memory = PoolMemory()

    memory.recall(TOLD)
    memory.recall({})

    assert counts(memory) == [3]


def test_an_unknown_cause_or_time_in_the_status_is_passed_over():
    memory = PoolMemory()

    memory.recall({"failures": [{**TOLD["failures"][0], "cause": "Bad"}, {**TOLD["failures"][0], "lastTime": "x"}]})

    assert memory.failures == ()


def test_a_pod_that_an_earlier_process_counted_is_not_counted_again():
    memory = PoolMemory()
    memory.recall(TOLD)

    memory.note_pods([replace(FAILED, ended_at=memory.failures[0].last)], after(60))

    assert counts(memory) == [3]
    assert memory.take_new_failures() == []


@pytest.mark.parametrize(
    ("made", "ended", "expected"),
    [
        (60, 1, []),  # what was made since the failure works
        (-60, 1, [1]),  # was made before it
        (-60, -900, []),  # too long ago for anybody to care
    ],
)
def test_a_pod_that_failed_before_this_process_began_failed_when_it_ended(made, ended, expected):
    memory = PoolMemory(observed_since=after(200))
    worker = replace(POD, name="vod-0a1b2-2", uid="u2", created=after(made), ready_since=after(made))

    memory.note_pods([replace(FAILED, ended_at=after(ended)), worker], after(200))

    assert counts(memory) == expected
    assert len(memory.take_new_failures()) == len(expected)


def test_a_pod_that_failed_after_this_process_began_fails_now_whatever_its_nodes_clock_says():
    memory = PoolMemory(observed_since=after(-10))

    memory.note_pods([FAILED], after(5))

    assert [failure.last for failure in memory.failures] == [after(5)]


def test_refused_creations_are_tried_ever_later_and_a_success_ends_it():
    memory = PoolMemory()
    memory.note_creations(REFUSED, wanted=True, tried=True, now=START)
    memory.note_creations(REFUSED, wanted=True, tried=True, now=START)
    assert memory.create_not_before == after(10)

    memory.note_creations(None, wanted=True, tried=False, now=START)
    assert memory.create_not_before == after(10)

    memory.note_creations(None, wanted=True, tried=True, now=START)
    assert memory.create_not_before is None


def test_a_refusal_is_forgotten_when_no_pod_is_wanted_any_more():
    memory = PoolMemory()
    memory.note_creations(REFUSED, wanted=True, tried=True, now=START)
    assert memory.refused is REFUSED

    memory.note_creations(None, wanted=False, tried=False, now=START)

    assert memory.refused is None
    assert memory.create_not_before is None


def test_what_is_made_from_other_settings_has_not_failed_yet():
    memory = PoolMemory()
    memory.note_attempt("one")
    memory.note_pods([FAILED], START)
    memory.note_creations(REFUSED, wanted=True, tried=True, now=START)
    memory.note_attempt("one")
    assert memory.create_not_before == after(5)
    assert counts(memory) == [1]

    memory.note_attempt("other")

    assert memory.create_not_before is None
    assert counts(memory) == []


def test_a_moment_in_which_nobody_can_tell_what_pods_are_made_from_forgets_no_failure():
    memory = PoolMemory()
    memory.note_attempt("one")
    memory.note_pods([FAILED], START)

    memory.note_attempt("")
    memory.note_attempt("one")
    assert counts(memory) == [1]

    memory.note_attempt("")
    memory.note_attempt("other")
    assert counts(memory) == []


def test_a_name_that_is_somebody_elses_is_remembered_until_it_is_given_up():
    memory = PoolMemory()

    memory.note_collisions([7], reserved=[6, 7])
    memory.note_collisions([], reserved=[6, 7])
    assert memory.collided == {7}

    memory.note_collisions([], reserved=[6])
    assert memory.collided == set()


REJECTED = replace(FAILED, failure=FailureCause.UPLOAD_REJECTED)


def test_rejected_uploads_are_over_when_a_pod_made_since_has_ended_well_and_not_when_it_is_ready():
    memory = PoolMemory()
    memory.note_pods([REJECTED], START)

    working = replace(POD, uid="u2", name="vod-0a1b2-2", created=after(1), ready_since=after(1))
    memory.note_jobs({working.name: 1}, [working], after(300))
    memory.note_pods([working], after(600))
    assert counts(memory) == [1]

    memory.note_pods([replace(working, stage=PodStage.ENDED, ready_since=None, succeeded=True)], after(601))
    assert counts(memory) == []


def test_a_pod_that_ended_without_ever_holding_a_job_does_not_disprove_rejected_uploads():
    memory = PoolMemory()
    memory.note_pods([REJECTED], START)

    memory.note_pods([replace(FAILED, uid="u2", created=after(1), succeeded=True, failure=None)], after(601))

    assert counts(memory) == [1]


@pytest.mark.parametrize("told", [{"drain_order": "drain"}, {"deleting": True}])
def test_rejected_uploads_count_though_the_pod_was_told_to_go_meanwhile(told):
    memory = PoolMemory()

    memory.note_pods([replace(REJECTED, **told)], START)

    assert memory.take_new_failures() == [FailureCause.UPLOAD_REJECTED]


def test_a_pod_whose_image_is_not_what_it_was_at_first_is_edited_whatever_was_asked_for():
    memory = PoolMemory()
    rewritten = replace(POD, image="mirror.example.org/runner:1")

    memory.note_images([rewritten])
    assert memory.edited == frozenset()

    memory.note_images([replace(rewritten, image="other:1")])
    assert memory.edited == {POD.name}

    memory.note_images([replace(rewritten, uid="u2")])
    assert memory.edited == frozenset()


def test_another_process_takes_an_edited_pod_for_what_it_is_now():
    memory = PoolMemory()

    memory.note_images([replace(POD, image="other:1")])

    assert memory.edited == frozenset()
