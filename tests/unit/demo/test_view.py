from typing import Any

import pytest

from demo.view import PodPhase, PodView, view_of

VIDEOS = {"v1": "Lecture"}


def _job(state: int, *, pod: str | None = None, resolution: int | None = 360, **more: Any) -> dict[str, Any]:
    output = {} if resolution is None else {"resolution": resolution}
    return {
        "uuid": f"job-{state}-{pod}",
        "type": "vod-hls-transcoding",
        "state": {"id": state},
        "progress": None,
        "error": None,
        "payload": {"output": output},
        "privatePayload": {"videoUUID": "v1"},
        "runner": {"name": pod} if pod else None,
        **more,
    }


def _pod(name: str, *, ready: bool = False, phase: str = "Running", **more: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": name, **more.pop("metadata", {})},
        "spec": more,
        "status": {"phase": phase, "conditions": conditions},
    }


def test_jobs_are_counted_by_state() -> None:
    jobs = [_job(1), _job(1), _job(5), _job(3), _job(2, pod="a")]
    view = view_of(jobs, [], VIDEOS, {})
    assert dict(view.counts) == {
        "pending": 2,
        "processing": 1,
        "completing": 0,
        "waiting for parent": 1,
        "completed": 1,
    }
    assert view.total == 5
    assert not view.done


def test_a_job_in_work_is_shown_with_its_pod_and_the_agents_progress() -> None:
    job = _job(2, pod="vod-1", progress=3)
    (shown,) = view_of([job], [], VIDEOS, {job["uuid"]: 40.6}).jobs
    assert (shown.what, shown.video, shown.pod, shown.percent) == ("HLS 360p", "Lecture", "vod-1", 41)


def test_without_a_word_of_the_agent_the_servers_progress_is_shown() -> None:
    (shown,) = view_of([_job(9, pod="vod-1", progress=90)], [], VIDEOS, {}).jobs
    assert shown.percent == 90


@pytest.mark.parametrize(
    ("job_type", "resolution", "text"),
    [
        ("vod-web-video-transcoding", 0, "web video sound"),
        ("generate-video-storyboard", None, "storyboard"),
        ("brand-new", 144, "brand-new 144p"),
    ],
)
def test_jobs_are_named_for_people(job_type: str, resolution: int | None, text: str) -> None:
    (shown,) = view_of([_job(2, pod="a", resolution=resolution, type=job_type)], [], {}, {}).jobs
    assert (shown.what, shown.video) == (text, "?")


@pytest.mark.parametrize(
    ("pod", "phase"),
    [
        (_pod("a", schedulingGates=[{"name": "runnerpool.dev/registration"}]), PodPhase.GATED),
        (_pod("a", phase="Pending"), PodPhase.STARTING),
        (_pod("a", ready=True), PodPhase.IDLE),
        (_pod("busy", ready=True), PodPhase.BUSY),
        (_pod("busy", metadata={"annotations": {"runnerpool.dev/drain": "drain"}}), PodPhase.DRAINING),
        (_pod("a", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), PodPhase.DRAINING),
        (_pod("busy", phase="Succeeded"), PodPhase.ENDED),
    ],
)
def test_a_pods_phase_is_what_matters_most_about_it(pod: dict[str, Any], phase: PodPhase) -> None:
    view = view_of([_job(2, pod="busy")], [pod], VIDEOS, {})
    assert view.pods == (PodView(name=pod["metadata"]["name"], phase=phase),)


def test_all_is_done_when_every_job_is_completed_and_no_pod_is_left() -> None:
    assert view_of([_job(3)], [], VIDEOS, {}).done
    assert not view_of([_job(3)], [_pod("a")], VIDEOS, {}).done
    assert not view_of([], [], VIDEOS, {}).done


def test_a_failed_job_is_named_and_keeps_the_view_from_being_done() -> None:
    view = view_of([_job(3), _job(4, error="no space left")], [], VIDEOS, {})
    assert view.failed == ("HLS 360p of Lecture is errored: no space left",)
    assert not view.done
