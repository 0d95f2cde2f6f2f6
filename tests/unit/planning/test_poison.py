from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.loss_causes import LossCause
from runnerpool.planning.demand import pool_queue
from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import JobState, ServerReading
from runnerpool.planning.poison import (
    CAUSES,
    MAX_SUSPECTS,
    Culprit,
    Suspect,
    culprits,
    note_suspects,
    quarantined,
    suspects_in,
    suspects_status,
)
from support.builders import NOW, ago, make_job, make_pool

JOB = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"
DAY = 24 * 3600


def numbered(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def crash(job: str = JOB, seconds: float = 60, cause: str = "RunnerCrashed") -> Culprit:
    return Culprit(job_uuid=job, cause=cause, time=ago(seconds))


def reading_of(*uuids: str, complete: bool = True) -> ServerReading:
    return ServerReading(at=NOW, pending=tuple(make_job(uuid) for uuid in uuids), complete=complete)


HERE = reading_of(JOB, OTHER)


def noted(*evidence: Culprit, before: tuple[Suspect, ...] = (), reading=HERE, now=NOW) -> tuple[Suspect, ...]:
    return note_suspects(before, evidence, reading, now)


def test_one_pod_makes_a_suspect_and_quarantines_nobody():
    suspects = noted(crash())

    assert suspects == (Suspect(uuid=JOB, count=1, last_time=ago(60)),)
    assert quarantined(suspects) == frozenset()


def test_the_second_pod_quarantines():
    suspects = noted(crash(seconds=90), crash(OTHER, 80), crash(seconds=60, cause="OutOfMemory"))

    assert quarantined(suspects) == {JOB}


def test_evictions_drains_lost_nodes_and_lost_contact_prove_nothing():
    causes = ("Evicted", "Drained", "NodeLost", "ContactLost", "Deleted", "ScratchFull", "Terminated")

    assert noted(*(crash(seconds=number, cause=cause) for number, cause in enumerate(causes))) == ()


def test_the_same_pod_seen_in_every_pass_and_by_the_next_operator_counts_once():
    first = noted(crash(seconds=60.7))
    again = noted(crash(seconds=60.7), before=first)
    restarted = noted(crash(seconds=60.7), before=suspects_in({"suspectJobs": suspects_status(again)}))

    assert first == again == restarted
    assert first[0].count == 1


def test_a_suspect_is_forgotten_when_its_job_has_ended():
    assert noted(before=noted(crash()), reading=reading_of(OTHER)) == ()
    assert noted(crash(), reading=reading_of(OTHER)) == ()


def test_nobody_is_forgotten_by_a_queue_that_is_unknown_or_not_read_to_its_end():
    before = noted(crash())

    assert noted(before=before, reading=None) == before
    assert noted(before=before, reading=reading_of(complete=False)) == before


def test_a_suspect_is_forgotten_after_a_day():
    before = noted(crash())

    assert noted(before=before, now=NOW + timedelta(seconds=DAY - 61)) == before
    assert noted(before=before, now=NOW + timedelta(seconds=DAY - 60)) == ()
    assert noted(crash(seconds=DAY)) == ()


def test_a_quarantined_job_stays_as_long_as_it_is_there():
    before = noted(crash(seconds=90), crash())

    assert noted(before=before, now=NOW + timedelta(days=30)) == before


def test_a_quarantined_job_that_has_ended_is_shown_for_a_day():
    before = noted(crash(seconds=90), crash())

    assert noted(before=before, reading=reading_of()) == before
    assert noted(before=before, reading=reading_of(), now=NOW + timedelta(days=1)) == ()


def test_the_oldest_suspects_are_dropped_first_and_quarantined_ones_last():
    jobs = [numbered(number) for number in range(MAX_SUSPECTS + 5)]
    reading = reading_of(*jobs)
    old = noted(crash(jobs[0], 5000), crash(jobs[0], 4000), reading=reading)

    suspects = noted(*(crash(job, 3000 - n) for n, job in enumerate(jobs[1:])), before=old, reading=reading)

    assert len(suspects) == MAX_SUSPECTS
    assert quarantined(suspects) == {jobs[0]}
    assert {suspect.uuid for suspect in suspects[1:]} == set(jobs[-(MAX_SUSPECTS - 1) :])


def test_an_id_that_is_no_uuid_is_not_repeated():
    assert noted(crash("https://evil.example"), reading=None) == ()


def test_status_entries_that_cannot_be_read_are_left_out():
    good = {"uuid": JOB, "count": 2, "lastTime": "2026-11-23T11:00:00Z"}
    bad = [good | {"uuid": 7}, good | {"count": "2"}, good | {"lastTime": "x"}]

    assert [suspect.uuid for suspect in suspects_in({"suspectJobs": [*bad, good]})] == [JOB]
    assert suspects_in({}) == ()


@given(
    st.lists(
        st.builds(
            crash,
            job=st.sampled_from([numbered(number) for number in range(30)]),
            seconds=st.integers(-5, 2 * DAY),
            cause=st.sampled_from([*sorted(CAUSES), "Evicted"]),
        ),
        max_size=40,
    )
)
def test_evidence_taken_in_twice_or_in_another_order_changes_nothing(evidence):
    once = note_suspects((), evidence, None, NOW)

    assert note_suspects(once, evidence, None, NOW) == once
    assert note_suspects((), list(reversed(evidence)), None, NOW) == once
    assert len(once) <= MAX_SUSPECTS
    assert suspects_in({"suspectJobs": suspects_status(once)}) == once


def ended(cause: str = "RunnerCrashed", jobs: tuple[EndedJob, ...] | None = None) -> EndedPod:
    return EndedPod(name="vod-1", uid="u", cause=cause, time=ago(5), jobs=jobs)


def test_culprits_are_the_jobs_that_the_agent_names_and_those_that_the_server_credits():
    told = (
        EndedJob(uuid=JOB, fate=Fate.LOST, seconds=10),
        EndedJob(uuid="failed", fate=Fate.FAILED, seconds=10),
        EndedJob(uuid="back", fate=Fate.HANDED_BACK, seconds=10),
    )
    active = (
        make_job(OTHER, JobState.PROCESSING, runner="vod-1"),
        make_job("saved", JobState.COMPLETING, runner="vod-1"),
        make_job("elsewhere", JobState.PROCESSING, runner="vod-2"),
        make_job("failed", JobState.PROCESSING, runner="vod-1"),
    )

    found = culprits([ended(jobs=told), ended("Evicted", told)], ServerReading(at=NOW, active=active))

    assert {culprit.job_uuid for culprit in found} == {JOB, OTHER, "back"}
    assert {culprit.time for culprit in found} == {ago(5)}


@pytest.mark.parametrize("cause", ["RunnerCrashed", "RunnerHung", "OutOfMemory"])
def test_a_job_that_was_lost_by_a_cause_of_its_own_is_not_blamed_for_the_crash_that_came_later(cause):
    innocent = (LossCause.LOST_JOB, LossCause.CONTACT_LOST, LossCause.RUNNER_SILENT)
    told = [EndedJob(uuid=numbered(10 + n), fate=Fate.LOST, seconds=10, cause=own) for n, own in enumerate(innocent)]
    crashed = EndedJob(uuid=JOB, fate=Fate.HANDED_BACK, seconds=10, cause=LossCause.RUNNER_CRASHED)
    told += [crashed, EndedJob(uuid=OTHER, fate=Fate.LOST, seconds=10)]

    found = culprits([ended(cause, tuple(told))], None)

    assert {culprit.job_uuid: culprit.cause for culprit in found} == {JOB: "RunnerCrashed", OTHER: cause}


def test_without_a_reading_the_agents_word_is_all_there_is():
    assert culprits([ended()], None) == ()


def test_a_quarantined_job_is_no_demand_and_keeps_its_holder_busy():
    spec = make_pool().spec
    reading = ServerReading(
        at=NOW,
        pending=(make_job(JOB, created=ago(900)), make_job(OTHER, created=ago(300))),
        active=(make_job("held", JobState.PROCESSING, runner="r"),),
        waiting=(make_job("child", JobState.WAITING_FOR_PARENT_JOB, parent_uuid="held"),),
    )

    queue = pool_queue(reading, spec, frozenset({JOB, "held", "child"}))

    assert (queue.pending, queue.processing, queue.waiting_for_parent, queue.waiting_on_work) == (1, 1, 0, 0)
    assert queue.oldest_pending_time == ago(300)
    assert queue.held == {"r": 1}
