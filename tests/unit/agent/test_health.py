from dataclasses import replace
from typing import Any

import pytest

from runnerpool_agent import health
from runnerpool_agent.causes import Finding, Trouble
from runnerpool_agent.health import Observation


def words(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    return tuple(map(str, findings))


WELL = Observation(
    running=True,
    ready=True,
    answered=True,
    silent_seconds=0.0,
    registered=True,
    contact=True,
    draining=False,
    started_once=True,
)
FOUND = Finding(cause=Trouble.SCRATCH_FULL, message="3 MiB are free")
HUNG = Finding(cause=Trouble.RUNNER_HUNG, message="nothing moves")
STARTING = replace(WELL, started_once=False)


def test_a_working_pod_passes_all_probes() -> None:
    assert health.unstarted(WELL) == health.unlive(WELL) == health.unready(WELL) == ()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"running": False}, "Starting: the runner does not run"),
        ({"ready": False}, "Starting: the runner is not yet ready to process jobs"),
        ({"answered": False}, "Starting: the runner has not yet answered over IPC"),
    ],
)
def test_startup_and_readiness_wait_for_the_runner(change: dict[str, bool], cause: str) -> None:
    assert words(health.unstarted(replace(STARTING, **change))) == (cause,)
    assert words(health.unready(replace(WELL, **change))) == (cause,)


def test_startup_is_not_the_servers_business() -> None:
    assert health.unstarted(replace(STARTING, contact=False, registered=False)) == ()


def test_startup_never_goes_back() -> None:
    assert health.unstarted(replace(WELL, running=False)) == ()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"registered": False}, "Unregistered: the runner is no longer registered with the server"),
        ({"contact": False, "lost_seconds": 7.4}, "ContactLost: the server has not answered for 7 s"),
        (
            {"contact": False, "lost_seconds": 0.0},
            "ContactLost: the server answers again, but has not yet done so twice in a row",
        ),
        ({"contact": None}, "Starting: the server has not been reached yet"),
        ({"draining": True}, "Draining: the pod takes no more jobs, and ends after those in hand"),
    ],
)
def test_readiness_alone_falls_with_the_server_or_a_drain(change: dict[str, Any], cause: str) -> None:
    seen = replace(WELL, **change)
    assert words(health.unready(seen)) == (cause,)
    assert health.unlive(seen) == ()


def test_a_short_silence_is_forgiven_and_a_long_one_is_not() -> None:
    assert health.unlive(replace(WELL, silent_seconds=29.9)) == ()
    silent = replace(WELL, silent_seconds=30.0)
    assert words(health.unlive(silent)) == ("RunnerSilent: the runner has not answered over IPC for 30 s",)
    assert health.unready(silent) == health.unlive(silent)


def test_all_causes_are_told() -> None:
    assert len(health.unready(replace(WELL, contact=False, draining=True, silent_seconds=99))) == 3


def test_a_runner_that_has_never_answered_has_longer_to_start() -> None:
    silent = replace(WELL, answered=False, silent_seconds=119.0)
    assert health.unlive(silent) == ()
    assert len(health.unlive(replace(silent, silent_seconds=120.0))) == 1


def test_liveness_falls_for_what_waiting_cannot_heal() -> None:
    seen = replace(WELL, found=(FOUND, HUNG))
    assert health.unlive(seen) == (HUNG,)
    assert sorted(words(health.unready(seen))) == ["RunnerHung: nothing moves", "ScratchFull: 3 MiB are free"]


def test_a_crashed_runner_is_named_while_the_next_one_is_waited_for() -> None:
    seen = replace(WELL, running=False, absent=Trouble.RUNNER_CRASHED)
    assert words(health.unready(seen)) == ("RunnerCrashed: the runner does not run",)


def test_a_runner_that_takes_no_more_jobs_makes_no_ready_pod_and_a_drain_says_so_better() -> None:
    seen = replace(WELL, retiring="no more")
    assert words(health.unready(seen)) == ("Retiring: no more",)
    assert [finding.cause for finding in health.unready(replace(seen, draining=True))] == [Trouble.DRAINING]
    assert health.unlive(seen) == ()
