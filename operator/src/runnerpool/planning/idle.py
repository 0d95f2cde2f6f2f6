"""Since when a pod's slots have been idle."""

from datetime import datetime

from runnerpool.planning.snapshot import PoolSnapshot, RunnerPod


def idle_since(pod: RunnerPod, snapshot: PoolSnapshot) -> datetime:
    """The latest of: became ready (or was made), last job seen on it, the operator began to watch.

    So a restart of the operator delays scale-down and never hastens it.
    """
    moments = [pod.ready_since or pod.created, snapshot.observed_since]
    last_job = snapshot.last_job_seen.get(pod.name)
    return max(moments if last_job is None else [*moments, last_job])
