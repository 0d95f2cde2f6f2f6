"""How a played pod is to behave."""

from dataclasses import dataclass

FOREVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One pod's part. The default is a healthy pod.

    Attributes:
        start_seconds: from its node to Ready.
        job_seconds: how long it works on a job; FOREVER until `PodPlayer.finish` or a stop.
        never_starts: reason of the waiting state that its container never leaves, such as `ImagePullBackOff`.
        never_ready: runs, and its probe never succeeds; it takes no job.
        crash_after: seconds from Ready to a crash; None for none.
        exit_code: of that crash; by the agent's contract, 4 is a failed runner.
        reason: of that crash, as the kubelet writes it: `Error`, `OOMKilled`.
        deaf: goes on as if it were never told to go, until it is killed at the end of its grace period.
        takes_jobs: asks the server for jobs.
    """

    start_seconds: float = 0.1
    job_seconds: float = 0.5
    never_starts: str | None = None
    never_ready: bool = False
    crash_after: float | None = None
    exit_code: int = 4
    reason: str = "Error"
    deaf: bool = False
    takes_jobs: bool = True


HEALTHY = Script()
