"""Short ways to the values that tests talk about. Whatever a test does not name is the plainest there is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runnerpool.api import names
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.parsing import parse_pool
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.planning.jobs import Job, JobState
from runnerpool.planning.queue import QueueKnown, QueueReading, QueueUnknown
from runnerpool.planning.server import ServerFacts
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
POOL_NAME = "vod"
POOL_UID = "0a1b2c3d-0000-4000-8000-000000000000"
WEB_VIDEO = "vod-web-video-transcoding"
HLS = "vod-hls-transcoding"
LIVE = "live-rtmp-hls-transcoding"
TEMPLATE, EARLIER_TEMPLATE = "present-template", "earlier-template"
BUILD, EARLIER_BUILD = "present-build", "earlier-build"
MODERN = ServerFacts(version="8.2.1", remote_job_types=frozenset({WEB_VIDEO, HLS, LIVE}), filters_by_type=True)
ANCIENT = ServerFacts(version="6.3.0", remote_job_types=MODERN.remote_job_types, filters_by_type=False)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def spec_body(**parts: Any) -> dict[str, Any]:
    """`spec` of a valid pool; a mapping given for a part is laid over the plain one, anything else replaces it."""
    plain: dict[str, Any] = {
        "server": {"url": "https://video.example.org", "credentialsRef": {"name": "peertube-admin"}},
        "jobTypes": [WEB_VIDEO],
        "scaling": {"maxReplicas": 10},
    }
    for name, part in parts.items():
        plain[name] = {**plain.get(name, {}), **part} if isinstance(part, Mapping) else part
    return plain


def pool_body(spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A pool as the API server gives it."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "namespace": "media",
            "name": POOL_NAME,
            "uid": POOL_UID,
            "generation": 1,
            "resourceVersion": "1",
            "finalizers": [names.FINALIZER],
            **metadata,
        },
        "spec": spec_body() if spec is None else dict(spec),
    }


def make_pool(*, deleting: bool = False, has_finalizer: bool = True, override: str | None = None, **parts: Any) -> Pool:
    """A pool; keywords are parts of `spec`, by the resource's names."""
    metadata: dict[str, Any] = {"finalizers": [names.FINALIZER] if has_finalizer else []}
    if override is not None:
        metadata["annotations"] = {names.ANNOTATION_OVERRIDE: override}
    if deleting:
        metadata["deletionTimestamp"] = "2026-11-23T11:00:00Z"
    return parse_pool(pool_body(spec_body(**parts), **metadata))


def pod_called(ordinal: int) -> str:
    return names.pod_name(POOL_NAME, POOL_UID, ordinal)


def make_pod(ordinal: int, stage: PodStage = PodStage.READY, **fields: Any) -> RunnerPod:
    """A pod of the present settings that has been there for an hour. A ready one has been ready for all that time."""
    defaults: dict[str, Any] = {
        "created": ago(3600),
        "ready_since": ago(3600) if stage is PodStage.READY else None,
        "has_run": stage is not PodStage.GATED,
        "template_hash": TEMPLATE,
        "build_hash": BUILD,
        "started": stage is PodStage.READY,
    }
    if stage is PodStage.ENDED and not fields.get("succeeded"):
        defaults["failure"] = FailureCause.RUNNER_CRASHED
    return RunnerPod(
        name=pod_called(ordinal), uid=f"uid-{ordinal}", ordinal=ordinal, stage=stage, **(defaults | fields)
    )


def gated(ordinal: int, *, age: float = 1, **fields: Any) -> RunnerPod:
    return make_pod(ordinal, PodStage.GATED, created=ago(age), **fields)


def outdated(ordinal: int, stage: PodStage = PodStage.READY, **fields: Any) -> RunnerPod:
    """A pod of earlier settings."""
    return make_pod(ordinal, stage, template_hash=EARLIER_TEMPLATE, build_hash=EARLIER_BUILD, **fields)


def superseded(ordinal: int, stage: PodStage = PodStage.READY, **fields: Any) -> RunnerPod:
    """A pod of the present settings that an earlier release of the operator built."""
    return make_pod(ordinal, stage, build_hash=EARLIER_BUILD, **fields)


def make_row(ordinal: int) -> RunnerRow:
    return RunnerRow(id=1000 + ordinal, name=pod_called(ordinal))


def known(pending: int = 0, *, held: Mapping[int, int] | None = None, at: datetime = NOW, **fields: Any) -> QueueKnown:
    """A queue as it is now; `held`: jobs by the ordinal of the pod that holds them."""
    jobs = {pod_called(ordinal): count for ordinal, count in (held or {}).items()}
    return QueueKnown(at=at, pending=pending, held=jobs, **({"processing": sum(jobs.values())} | fields))


def unknown(reason: Reason = Reason.SERVER_UNREACHABLE, *, seconds: float = 60) -> QueueUnknown:
    return QueueUnknown(reason=reason, message="the server does not answer", since=ago(seconds))


def make_snapshot(
    queue: QueueReading | None = None, pods: Sequence[RunnerPod] = (), *, pool: Pool | None = None, **fields: Any
) -> PoolSnapshot:
    """What a pass knows, a day after the operator began to watch.

    Pods whose marks for node autoscalers are not given bear the right ones.
    """
    queue = queue or known()
    defaults: dict[str, Any] = {
        "now": NOW,
        "observed_since": ago(90000),
        "rows": (),
        "template_hash": TEMPLATE,
        "build_hash": BUILD,
        "facts": MODERN,
    }
    marked = tuple(_marked(pod, queue) for pod in pods)
    return PoolSnapshot(pool=pool or make_pool(), queue=queue, pods=marked, **(defaults | fields))


def _marked(pod: RunnerPod, queue: QueueReading) -> RunnerPod:
    if pod.evictable is not None:
        return pod
    idle = pod.stage is PodStage.READY and pod.may_take_work and not queue.held.get(pod.name)
    return replace(pod, evictable=idle and isinstance(queue, QueueKnown))


def make_job(uuid: str = "job-1", state: int = JobState.PENDING, **fields: Any) -> Job:
    defaults: dict[str, Any] = {"type": WEB_VIDEO, "priority": 101, "created": ago(60), "updated": ago(30)}
    return Job(uuid=uuid, state=state, **(defaults | fields))
