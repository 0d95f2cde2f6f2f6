from dataclasses import replace
from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.control.actor import Trouble
from runnerpool.control.backoff import AFTER_FAILED_PODS, AFTER_REFUSED_CREATIONS, Backoff
from runnerpool.control.memory import PoolMemory
from runnerpool.planning.plan import Create
from runnerpool.planning.snapshot import PodStage, RunnerPod
from support.fakes import START

POD = RunnerPod(name="vod-0a1b2-1", uid="u1", ordinal=1, created=START, stage=PodStage.READY, ready_since=START)
REFUSED = Trouble(
    step=Create(ordinal=1, reason=Reason.RESERVED, message="made"), reason=Reason.QUOTA_EXCEEDED, message="no room"
)
FAILED = replace(POD, stage=PodStage.ENDED, ready_since=None)


def after(seconds: float):
    return START + timedelta(seconds=seconds)


def test_the_first_failure_is_answered_at_once():
    assert Backoff(delays=AFTER_FAILED_PODS).failed(START).not_before == START


def test_without_a_failure_nothing_is_held_back():
    assert Backoff(delays=AFTER_FAILED_PODS).not_before is None


@pytest.mark.parametrize(("failures", "delay"), [(2, 5), (3, 10), (6, 80), (8, 300), (50, 300)])
def test_failures_in_a_row_are_answered_ever_later_up_to_five_minutes(failures, delay):
    backoff = Backoff(delays=AFTER_FAILED_PODS)
    for _ in range(failures):
        backoff = backoff.failed(START)

    assert backoff.not_before == after(delay)


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


def test_a_failed_pod_counts_once_however_often_it_is_seen():
    memory = PoolMemory()

    for seconds in range(5):
        memory.note_pods([FAILED], after(seconds))

    assert memory.pods_failed.failures == 1


def test_pods_that_fail_one_after_the_other_hold_the_next_back():
    memory = PoolMemory()

    memory.note_pods([FAILED], START)
    memory.note_pods([replace(FAILED, uid="u2")], after(3))

    assert memory.create_not_before == after(8)


def test_a_pod_that_stays_ready_for_a_minute_ends_the_row_of_failures():
    memory = PoolMemory()
    memory.note_pods([FAILED], START)

    memory.note_pods([replace(POD, ready_since=after(0))], after(59))
    assert memory.pods_failed.failures == 1

    memory.note_pods([replace(POD, ready_since=after(0))], after(60))
    assert memory.create_not_before is None


def test_a_drained_pod_ends_the_row_of_failures():
    memory = PoolMemory()
    memory.note_pods([FAILED], START)

    memory.note_pods([replace(FAILED, uid="u2", succeeded=True)], after(1))

    assert memory.create_not_before is None


@pytest.mark.parametrize("told", [{"drain_order": "abort"}, {"deleting": True}])
def test_a_pod_that_was_told_to_go_before_its_jobs_ended_is_no_failure(told):
    memory = PoolMemory()

    memory.note_pods([replace(FAILED, **told)], START)

    assert memory.create_not_before is None


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

    memory.note_attempt("other")

    assert memory.create_not_before is None


def test_a_name_that_is_somebody_elses_is_remembered_until_it_is_given_up():
    memory = PoolMemory()

    memory.note_collisions([7], reserved=[6, 7])
    memory.note_collisions([], reserved=[6, 7])
    assert memory.collided == {7}

    memory.note_collisions([], reserved=[6])
    assert memory.collided == set()
