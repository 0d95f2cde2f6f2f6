from dataclasses import replace

import pytest

from runnerpool_agent import health
from runnerpool_agent.health import Observation

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
STARTING = replace(WELL, started_once=False)


def test_a_working_pod_passes_all_probes() -> None:
    assert health.unstarted(WELL) == health.unlive(WELL) == health.unready(WELL) == ()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"running": False}, "the runner does not run"),
        ({"ready": False}, "the runner is not yet ready to process jobs"),
        ({"answered": False}, "the runner has not yet answered over IPC"),
    ],
)
def test_startup_and_readiness_wait_for_the_runner(change: dict[str, bool], cause: str) -> None:
    assert health.unstarted(replace(STARTING, **change)) == (cause,)
    assert health.unready(replace(WELL, **change)) == (cause,)


def test_startup_is_not_the_servers_business() -> None:
    assert health.unstarted(replace(STARTING, contact=False, registered=False)) == ()


def test_startup_never_goes_back() -> None:
    assert health.unstarted(replace(WELL, running=False)) == ()


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"registered": False}, "the runner is no longer registered with the server"),
        ({"contact": False}, "the server does not answer"),
        ({"contact": None}, "the server has not been reached yet"),
        ({"draining": True}, "draining"),
    ],
)
def test_readiness_alone_falls_with_the_server_or_a_drain(change: dict[str, bool], cause: str) -> None:
    seen = replace(WELL, **change)
    assert health.unready(seen) == (cause,)
    assert health.unlive(seen) == ()


def test_a_short_silence_is_forgiven_and_a_long_one_is_not() -> None:
    assert health.unlive(replace(WELL, silent_seconds=29.9)) == ()
    silent = replace(WELL, silent_seconds=30.0)
    assert health.unlive(silent) == ("the runner has not answered over IPC for 30 s",)
    assert health.unready(silent) == health.unlive(silent)


def test_all_causes_are_told() -> None:
    assert len(health.unready(replace(WELL, contact=False, draining=True, silent_seconds=99))) == 3
