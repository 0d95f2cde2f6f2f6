import pytest

from peers.peertube.client import JobSteps
from support.stage.figures import busy_seconds, figures, when


def _job(*steps: tuple[int, str, str | None], job_type: str = "web") -> JobSteps:
    history = [
        {"time": f"2026-01-01T00:00:{second:02}.500Z", "cause": cause, "runner": runner, "before": 1, "after": 2}
        for second, cause, runner in steps
    ]
    return JobSteps(uuid="u", type=job_type, video="v", state=3, history=tuple(history))


DONE = _job((0, "created", None), (2, "accept", "a"), (6, "success", "a"), (7, "completed", "a"))
TWICE = _job(
    (0, "created", None),
    (1, "accept", "a"),
    (3, "abort", "a"),
    (5, "accept", "b"),
    (10, "success", "b"),
    (12, "completed", "b"),
    job_type="hls",
)


def test_a_job_is_busy_from_its_acceptance_until_its_result_arrives() -> None:
    assert busy_seconds(DONE.history) == 4


def test_all_tries_of_a_job_count_as_busy() -> None:
    assert busy_seconds(TWICE.history) == 2 + 5


def test_a_run_is_told_in_figures() -> None:
    run = figures([DONE, TWICE])
    assert run.jobs == {"web": 1, "hls": 1}
    assert run.runners == {"a", "b"}
    assert run.wall_seconds == 12
    assert run.busy_seconds == 11
    assert run.parallelism == pytest.approx(11 / 12)


def test_a_run_without_jobs_has_no_figures() -> None:
    assert figures([]).parallelism == 0


def test_the_time_of_a_step_is_its_first() -> None:
    first = when(TWICE, "accept")
    assert first is not None
    assert (when(TWICE, "abort") or 0) - first == 2
    assert when(DONE, "abort") is None
