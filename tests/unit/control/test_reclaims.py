from datetime import timedelta

from runnerpool.control.reclaims import ReclaimTracker
from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import JobState, ServerReading
from support.builders import NOW, make_job

POD = EndedPod(name="vod-1", uid="u", cause="OutOfMemory", time=NOW)


def reading(seconds, *, complete=True, **lists):
    return ServerReading(at=NOW + timedelta(seconds=seconds), complete=complete, **lists)


def waiting_for(fate=Fate.LOST):
    tracker = ReclaimTracker()
    tracker.note_ended(POD, [EndedJob(uuid="job-1", fate=fate, seconds=10)])
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
