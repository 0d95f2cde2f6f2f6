from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Cause, Drain, Phase
from runnerpool_agent.retire import Retirement, Seen, effective, judge, wastes_a_slot

WELL = Seen(now=100.0)
AFTER = 45.0


@pytest.mark.parametrize(
    ("change", "phase", "cause"),
    [
        ({}, Phase.RUNNING, None),
        ({"jobs": 1, "contact_lost_seconds": 44.9}, Phase.RUNNING, None),
        ({"jobs": 1, "contact_lost_seconds": 45.0}, Phase.DRAINING, RestartCause.CONTACT_LOST),
        ({"jobs": 0, "contact_lost_seconds": 1e6}, Phase.RUNNING, None),
        ({"jobs": 1, "lost_jobs": 1}, Phase.ABORTING, RestartCause.LOST_JOB),
        ({"jobs": 2, "lost_jobs": 1}, Phase.DRAINING, RestartCause.LOST_JOB),
        ({"jobs": 2, "lost_jobs": 2}, Phase.ABORTING, RestartCause.LOST_JOB),
        ({"deaf": True}, Phase.ABORTING, RestartCause.DEAF),
        ({"deaf": True, "jobs": 1}, Phase.DRAINING, RestartCause.DEAF),
        ({"scratch_full": True}, Phase.ABORTING, RestartCause.SCRATCH_FULL),
        ({"scratch_full": True, "jobs": 1}, Phase.RUNNING, None),
        ({"silent": True, "jobs": 1}, Phase.ABORTING, RestartCause.SILENT),
    ],
)
def test_each_sickness_has_its_answer(change: dict[str, float], phase: Phase, cause: RestartCause | None) -> None:
    retirement = judge(Retirement(), replace(WELL, **change), AFTER)  # type: ignore[arg-type]
    assert (retirement.phase, retirement.cause) == (phase, cause)


def test_a_runner_that_was_told_to_finish_is_stopped_when_its_job_is_lost_and_not_before() -> None:
    told = judge(Retirement(), replace(WELL, jobs=1, contact_lost_seconds=50.0), AFTER)
    back = replace(WELL, now=200.0, jobs=1)
    assert judge(told, back, AFTER) is told
    lost = judge(told, replace(back, lost_jobs=1), AFTER)
    assert lost == Retirement(phase=Phase.ABORTING, cause=RestartCause.LOST_JOB, since=200.0)


seen = st.builds(
    Seen,
    now=st.just(1.0),
    jobs=st.integers(0, 3),
    contact_lost_seconds=st.sampled_from([0.0, 44.0, 45.0]),
    lost_jobs=st.integers(0, 3),
    silent=st.booleans(),
    deaf=st.booleans(),
    scratch_full=st.booleans(),
)


@given(st.lists(seen, max_size=6))
def test_nothing_leads_back(looks: list[Seen]) -> None:
    rank = list(Phase)
    retirement = Retirement()
    for look in looks:
        before, retirement = retirement, judge(retirement, look, AFTER)
        assert rank.index(retirement.phase) >= rank.index(before.phase)
        assert (retirement.phase is Phase.RUNNING) is (retirement.cause is None)


@given(seen)
def test_while_a_job_may_be_saved_nothing_but_silence_stops_a_runner(look: Seen) -> None:
    retirement = judge(Retirement(), look, AFTER)
    if look.jobs > look.lost_jobs and not look.silent:
        assert retirement.phase is not Phase.ABORTING


def test_of_the_pods_drain_and_the_runners_retirement_the_graver_one_is_carried_out() -> None:
    draining = Drain(phase=Phase.DRAINING, cause=Cause.TERMINATED, since=5.0, abort_at=500.0)
    stopping = Retirement(phase=Phase.ABORTING, cause=RestartCause.LOST_JOB, since=9.0)
    finishing = Retirement(phase=Phase.DRAINING, cause=RestartCause.CONTACT_LOST, since=9.0)
    assert effective(draining, finishing) is draining
    cut = effective(draining, stopping)
    assert (cut.phase, cut.cause, cut.since, cut.abort_at) == (Phase.ABORTING, Cause.TERMINATED, 9.0, 500.0)
    assert effective(Drain(), finishing).phase is Phase.DRAINING


@pytest.mark.parametrize(
    ("phase", "jobs", "slots", "wasted"),
    [
        (Phase.RUNNING, 0, 1, False),
        (Phase.RUNNING, 1, 2, False),
        (Phase.DRAINING, 1, 1, False),
        (Phase.DRAINING, 2, 2, False),
        (Phase.DRAINING, 1, 2, True),
        (Phase.DRAINING, 0, 1, True),
        (Phase.ABORTING, 1, 1, True),
        (Phase.ABORTING, 0, 1, True),
    ],
)
def test_a_runner_that_finishes_what_fills_all_its_slots_is_as_good_as_any_busy_one(
    phase: Phase, jobs: int, slots: int, *, wasted: bool
) -> None:
    assert wastes_a_slot(Retirement(phase=phase), jobs=jobs, slots=slots) is wasted
