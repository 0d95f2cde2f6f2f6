"""One look at the whole scene: queue, pods, jobs. Made of what server, cluster and agents say; drawn elsewhere."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]

# packages/models, runner-job-state.model.ts
STATES = {
    1: "pending",
    2: "processing",
    9: "completing",
    5: "waiting for parent",
    3: "completed",
}
_IN_WORK = frozenset({2, 9})
_FAILED = {4: "errored", 6: "cancelled", 7: "parent errored", 8: "parent cancelled"}
_KINDS = {
    "vod-web-video-transcoding": "web video",
    "vod-hls-transcoding": "HLS",
    "vod-audio-merge-transcoding": "audio merge",
    "generate-video-storyboard": "storyboard",
}


class PodPhase(StrEnum):
    GATED = "gated"
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    name: str
    phase: PodPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job in work. `percent` as the agent knows it; None where it does not tell."""

    uuid: str
    what: str
    video: str
    pod: str
    percent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The scene at one moment.

    Attributes:
        counts: jobs by state, all states named.
        failed: what failed, for people.
    """

    counts: Mapping[str, int]
    pods: tuple[PodView, ...]
    jobs: tuple[JobView, ...]
    failed: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values()) + len(self.failed)

    @property
    def done(self) -> bool:
        """All is transcoded and no pod is left."""
        return 0 < self.total == self.counts["completed"] and not self.pods


def view_of(
    jobs: Sequence[Json], pods: Iterable[Json], videos: Mapping[str, str], percents: Mapping[str, float | None]
) -> View:
    """Put a view together.

    Args:
        jobs: rows of the server's admin API.
        pods: as the API server shows them.
        videos: names by UUID.
        percents: progress by UUID of job, as the agents say.
    """
    counts = Counter(STATES[state] for job in jobs if (state := _state(job)) in STATES)
    in_work = [job for job in jobs if _state(job) in _IN_WORK]
    holders = {_pod(job) for job in in_work}
    return View(
        counts={name: counts[name] for name in STATES.values()},
        pods=tuple(_pod_view(pod, holders) for pod in pods),
        jobs=tuple(_job_view(job, videos, percents) for job in sorted(in_work, key=_pod)),
        failed=tuple(_failure(job, videos) for job in jobs if _state(job) in _FAILED),
    )


def kind(job_type: str) -> str:
    """A job type in words."""
    return _KINDS.get(job_type, job_type)


def _state(job: Json) -> int:
    return int(job["state"]["id"])


def _pod(job: Json) -> str:
    return str((job.get("runner") or {}).get("name", ""))


def _video(job: Json, videos: Mapping[str, str]) -> str:
    return videos.get(str(job["privatePayload"].get("videoUUID")), "?")


def _what(job: Json) -> str:
    resolution = job["payload"].get("output", {}).get("resolution")
    if resolution is None:
        return kind(job["type"])
    return f"{kind(job['type'])} {'sound' if resolution == 0 else f'{resolution}p'}"


def _job_view(job: Json, videos: Mapping[str, str], percents: Mapping[str, float | None]) -> JobView:
    percent = percents.get(job["uuid"])
    return JobView(
        uuid=job["uuid"],
        what=_what(job),
        video=_video(job, videos),
        pod=_pod(job),
        percent=job.get("progress") if percent is None else round(percent),
    )


def _failure(job: Json, videos: Mapping[str, str]) -> str:
    cause = f": {job['error']}" if job.get("error") else ""
    return f"{_what(job)} of {_video(job, videos)} is {_FAILED[_state(job)]}{cause}"


def _pod_view(pod: Json, holders: set[str]) -> PodView:
    name = str(pod["metadata"]["name"])
    return PodView(name=name, phase=_phase(pod, busy=name in holders))


def _phase(pod: Json, *, busy: bool) -> PodPhase:
    metadata, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    if status.get("phase") in {"Succeeded", "Failed"}:
        return PodPhase.ENDED
    if "deletionTimestamp" in metadata or "runnerpool.dev/drain" in metadata.get("annotations", {}):
        return PodPhase.DRAINING
    if busy:
        return PodPhase.BUSY
    if spec.get("schedulingGates"):
        return PodPhase.GATED
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    return PodPhase.IDLE if conditions.get("Ready") == "True" else PodPhase.STARTING
