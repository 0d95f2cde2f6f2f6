from dataclasses import replace
from datetime import timedelta

import pytest

from runnerpool.planning.custody import Held, is_back, look
from runnerpool.planning.jobs import JobState, ServerReading
from support.builders import NOW, ago, make_job

HERE = {"vod-1"}
HELD = Held(uuid="job-1", runner="vod-1", started=ago(100), heard=ago(5))
KEY = ("vod-1", "job-1")


def job(state=JobState.PROCESSING, runner="vod-1", **fields):
    return make_job(state=state, **({"runner": runner, "started": ago(100), "updated": ago(5)} | fields))


def reading(*active, seconds=0, complete=True, **lists):
    return ServerReading(at=NOW + timedelta(seconds=seconds), active=active, complete=complete, **lists)


def test_jobs_in_work_are_in_the_hands_of_the_pods_that_are_watched():
    others = (
        job(uuid="b", runner="vod-2"),
        job(uuid="c", runner=None),
        job(uuid="d", state=JobState.COMPLETING),
    )

    assert look({}, HERE, reading(job(), *others)) == {KEY: HELD}


def test_the_last_sign_of_life_is_that_of_the_last_reading_also_of_a_pod_that_nobody_sees_any_more():
    assert look({KEY: HELD}, set(), reading(job(updated=ago(1)))) == {KEY: replace(HELD, heard=ago(1))}


@pytest.mark.parametrize(
    "now",
    [
        {"pending": (job(JobState.PENDING, None),)},
        {"active": (job(runner="vod-2"),)},
        {"active": (job(JobState.COMPLETING, "vod-2"),)},
    ],
)
def test_a_job_is_back_from_the_first_reading_that_has_it_pending_or_in_other_hands(now):
    found = look({KEY: HELD}, HERE, ServerReading(at=NOW, **now))
    assert found[KEY] == replace(HELD, back_at=NOW)

    assert look(found, HERE, reading(seconds=60))[KEY].back_at == NOW


def test_a_job_that_nobody_has_or_that_was_not_read_is_not_back_yet():
    assert look({KEY: HELD}, HERE, reading(job(runner=None))) == {KEY: HELD}
    assert look({KEY: HELD}, HERE, reading(complete=False)) == {KEY: HELD}


@pytest.mark.parametrize("active", [(), (job(JobState.COMPLETING),)])
def test_a_job_that_has_ended_or_is_ending_well_is_in_nobodys_hands(active):
    assert look({KEY: HELD}, HERE, reading(*active)) == {}


def test_a_job_that_the_same_pod_takes_again_is_in_its_hands_again():
    back = replace(HELD, back_at=ago(20))

    assert look({KEY: back}, HERE, reading(job(started=ago(2)))) == {KEY: replace(HELD, started=ago(2))}


def test_a_job_that_completes_in_the_hands_of_nobody_is_not_back():
    assert not is_back(job(JobState.COMPLETING, None), "vod-1")
