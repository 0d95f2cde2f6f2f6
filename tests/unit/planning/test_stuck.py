from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.job_types import JOB_TYPES, JobType
from runnerpool.planning.jobs import JobState, ServerReading
from runnerpool.planning.stuck import Owners, StuckCause, stuck_jobs, stuck_status, unwatched_types
from support.builders import NOW, ago, make_job

POD, GONE, STRANGER = "vod-1", "vod-2", "somebody"
OWNERS = Owners(rows={POD, GONE, STRANGER}, ours={POD, GONE}, pods={POD})
HOUR = timedelta(hours=1)


def causes(*jobs, version="8.2.1", owners=OWNERS, types=frozenset(JOB_TYPES)):
    reading = ServerReading(at=NOW, active=jobs)
    found = stuck_jobs(reading, types, version=version, owners=owners, stuck_after=HOUR, now=NOW)
    return {stuck.job.uuid: stuck.cause for stuck in found}


def job(kind=JobType.WEB_VIDEO, state=JobState.PROCESSING, *, silent=301, runner=GONE):
    return make_job("job", state, type=kind, updated=ago(silent), runner=runner)


def cause(*arguments, version="8.2.1", owners=OWNERS, **fields):
    return causes(job(*arguments, **fields), version=version, owners=owners).get("job")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (JobType.STUDIO, StuckCause.ORPHANED_STUDIO),
        (JobType.TRANSCRIPTION, StuckCause.ORPHANED_TRANSCRIPTION),
        (JobType.STORYBOARD, StuckCause.ORPHANED_STORYBOARD),
    ],
)
def test_what_an_old_servers_watchdog_does_not_look_at_is_orphaned_after_five_minutes(kind, expected):
    assert cause(kind, version="7.2.3") is expected
    assert cause(kind, version="7.2.3", silent=300) is None


@pytest.mark.parametrize("kind", [JobType.STUDIO, JobType.TRANSCRIPTION])
def test_since_7_3_studio_jobs_and_transcriptions_are_the_watchdogs(kind):
    assert cause(kind, version="7.3.0") is None
    assert cause(kind, version="7.3.0", silent=601) is StuckCause.WATCHDOG_SILENT


def test_storyboards_are_nobodys_on_any_server():
    for version in ("6.3.0", "7.3.0", "8.2.1", "99.0.0", "unknown"):
        assert cause(JobType.STORYBOARD, version=version) is StuckCause.ORPHANED_STORYBOARD


@pytest.mark.parametrize(
    ("version", "all_watched"),
    [
        ("6.3.0", False),
        ("7.2.9", False),
        ("7.3.0", True),
        ("7.3.0-rc.1", True),
        ("v7.10.0", True),
        ("7.2.0-nightly", False),
        ("10.0.0", True),
        ("unknown", True),
        ("", True),
    ],
)
def test_versions_are_compared_as_numbers_whatever_follows_them(version, all_watched):
    assert (unwatched_types(version) == {JobType.STORYBOARD}) is all_watched


def test_an_orphan_has_no_owner_that_may_be_at_work():
    kind = JobType.STORYBOARD

    assert cause(kind, runner=POD) is None
    assert cause(kind, runner=STRANGER) is None
    assert cause(kind, runner=GONE)
    assert cause(kind, runner=None)
    assert cause(kind, runner="no row any more")


def test_while_the_runners_are_not_listed_a_stranger_may_be_at_work():
    unlisted = Owners(rows=None, ours=frozenset(), pods=frozenset())

    assert cause(JobType.STORYBOARD, runner=STRANGER, owners=unlisted) is None
    assert cause(JobType.STORYBOARD, runner=None, owners=unlisted)


def test_a_job_in_work_by_nobody_is_stuck_when_the_watchdog_should_have_taken_it_back():
    assert cause(runner=None) is StuckCause.PROCESSING_WITHOUT_RUNNER
    assert cause(runner=None, silent=300) is None


@pytest.mark.parametrize("runner", [POD, GONE, STRANGER])
def test_a_job_that_the_watchdog_looks_at_is_left_to_it_for_ten_minutes(runner):
    assert cause(runner=runner, silent=600) is None
    assert cause(runner=runner, silent=601) is StuckCause.WATCHDOG_SILENT


def test_completing_is_stuck_after_the_pools_own_time_whatever_its_type_and_owner():
    for kind in JOB_TYPES:
        assert cause(kind, JobState.COMPLETING, silent=3600, runner=POD) is None
        assert cause(kind, JobState.COMPLETING, silent=3601, runner=POD) is StuckCause.COMPLETING_FOREVER


def test_other_states_and_other_pools_types_are_not_looked_at():
    assert cause(JobType.STORYBOARD, JobState.PENDING, silent=90000) is None
    assert causes(job(silent=90000), types={JobType.HLS}) == {}


def test_the_status_tells_by_cause_how_many_and_since_when():
    reading = ServerReading(
        at=NOW,
        active=(
            make_job("a", JobState.PROCESSING, updated=ago(400)),
            make_job("b", JobState.PROCESSING, updated=ago(900)),
            make_job("c", JobState.COMPLETING, updated=ago(7200), runner=POD),
        ),
    )
    found = stuck_jobs(reading, set(JOB_TYPES), version="8.2.1", owners=OWNERS, stuck_after=HOUR, now=NOW)

    assert [stuck.job.uuid for stuck in found] == ["c", "b", "a"]
    assert stuck_status(found) == [
        {"cause": "CompletingForever", "count": 1, "oldestTime": "2026-11-23T10:00:00Z"},
        {"cause": "ProcessingWithoutRunner", "count": 2, "oldestTime": "2026-11-23T11:45:00Z"},
    ]
    assert stuck_status(()) == []


_JOBS = st.builds(
    make_job,
    uuid=st.uuids().map(str),
    state=st.sampled_from([*JobState, 77]),
    type=st.sampled_from([*JOB_TYPES, "hologram"]),
    updated=st.integers(-100, 10000).map(ago),
    runner=st.sampled_from([None, POD, GONE, STRANGER, "nobody"]),
)


@given(st.lists(_JOBS, max_size=8), st.sampled_from(["6.3.0", "7.3.0", "unknown"]))
def test_nothing_that_may_be_at_work_and_shows_a_sign_of_life_is_ever_stuck(jobs, version):
    for uuid in causes(*jobs, version=version):
        found = next(job for job in jobs if job.uuid == uuid)
        assert found.state in {JobState.PROCESSING, JobState.COMPLETING}
        assert found.updated < ago(300)
        assert not (found.runner == POD and found.updated >= ago(600))
