from datetime import timedelta

import pytest

from runnerpool.api.loss_causes import LossCause
from runnerpool.control.reclaims import ReclaimTracker
from runnerpool.planning.custody import Held
from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import JobState, ServerReading
from support.builders import NOW, ago, make_job

CRASHED, LOST_JOB = LossCause.RUNNER_CRASHED, LossCause.LOST_JOB
POD = EndedPod(name="vod-1", uid="u", cause="OutOfMemory", time=NOW)


def reading(seconds, *, complete=True, **lists):
    return ServerReading(at=NOW + timedelta(seconds=seconds), complete=complete, **lists)


def waiting_for(fate=Fate.LOST):
    tracker = ReclaimTracker()
    tracker.note_ended(POD, [EndedJob(uuid="job-1", fate=fate, seconds=10)], {}, None)
    return tracker


def in_work(runner):
    return {"active": (make_job(state=JobState.PROCESSING, runner=runner),)}


def test_a_job_in_the_hands_of_another_is_back():
    tracker = waiting_for()

    assert list(tracker.look(reading(100, **in_work("vod-1")))) == []
    assert list(tracker.look(reading(110, **in_work(None)))) == []
    assert list(tracker.look(reading(120, **in_work("vod-2")))) == [("watchdog", 120)]
    assert list(tracker.look(reading(130, **in_work("vod-2")))) == []


def test_a_reading_from_before_the_end_tells_nothing():
    tracker = waiting_for(Fate.HANDED_BACK)

    assert list(tracker.look(reading(-1, pending=(make_job(),)))) == []
    assert list(tracker.look(reading(2, pending=(make_job(),)))) == [("abort", 2)]


def test_a_job_that_the_server_ended_is_not_reclaimed():
    tracker = waiting_for()
    assert list(tracker.look(reading(5, complete=False))) == []
    assert list(tracker.look(reading(6))) == []

    assert list(tracker.look(reading(7, pending=(make_job(),)))) == []


def test_a_job_that_its_runner_reported_as_failed_is_not_reclaimed():
    assert list(waiting_for(Fate.FAILED).look(reading(5, pending=(make_job(),)))) == []


def test_what_never_comes_back_is_given_up():
    tracker = waiting_for()
    assert list(tracker.look(reading(3601, **in_work(None)))) == []

    assert list(tracker.look(reading(3602, pending=(make_job(),)))) == []


def measured(fate, cause=None, *, held=None, last=None, of=POD, next_seconds=3):
    """What is measured of a job that is back when the reading after its pod's end is made."""
    tracker = ReclaimTracker()
    custody = {} if held is None else {("vod-1", "job-1"): held}
    tracker.note_ended(of, [EndedJob(uuid="job-1", fate=fate, seconds=10, cause=cause)], custody, last)
    return list(tracker.look(reading(next_seconds, **in_work("vod-2"))))


def held(heard, back=None):
    """In the pod's hands; heard of, and seen to be back, so many seconds before its end."""
    return Held(
        uuid="job-1", runner="vod-1", started=ago(900), heard=ago(heard), back_at=None if back is None else ago(back)
    )


@pytest.mark.parametrize(("fate", "cause"), [(Fate.LOST, LOST_JOB), (Fate.FAILED, LOST_JOB), (Fate.LOST, None)])
def test_a_job_that_the_server_took_from_a_living_pod_is_measured_from_its_last_sign_of_life(fate, cause):
    assert measured(fate, cause, held=held(240, back=100)) == [("watchdog", 140)]


@pytest.mark.parametrize("cause", [CRASHED, LossCause.RUNNER_SILENT])
def test_a_job_that_was_handed_back_hours_before_the_end_is_not_measured(cause):
    crashed = EndedPod(name="vod-1", uid="u", cause="RunnerCrashed", time=NOW)
    last = reading(-1, **in_work("vod-2"))

    assert measured(Fate.HANDED_BACK, cause, held=held(7200, back=7100), last=last, of=crashed) == []
    assert measured(Fate.HANDED_BACK, cause, last=last, of=crashed) == []


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.HANDED_BACK])
def test_a_job_that_another_life_of_the_runner_lost_unseen_is_not_measured(fate):
    assert measured(fate, CRASHED) == []
    assert measured(Fate.LOST, last=reading(-1, **in_work("vod-2"))) == []


def test_a_job_whose_loss_the_server_has_not_noticed_yet_is_waited_for_from_its_last_sign_of_life():
    assert measured(Fate.LOST, LOST_JOB, held=held(60)) == [("watchdog", 63)]


def test_an_abort_is_seen_at_once_also_when_a_reading_is_quicker_than_the_pods_end():
    assert measured(Fate.HANDED_BACK, held=held(9, back=1)) == [("abort", 0)]
    assert measured(Fate.HANDED_BACK, CRASHED, held=held(9, back=-2)) == [("abort", 2)]
    assert measured(Fate.HANDED_BACK, last=reading(-1, pending=(make_job(),))) == [("abort", 3)]
