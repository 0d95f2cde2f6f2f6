"""The closed list of causes by which runner pods fail, and what a person can do about each."""

from collections.abc import Mapping
from enum import StrEnum, unique

from runnerpool.api.reasons import Reason


@unique
class FailureCause(StrEnum):
    """Why a pod ended, or had to be replaced. Each word is a `Reason` as well."""

    RUNNER_CRASHED = "RunnerCrashed"
    """The runner's process ended by itself, more often than the agent starts it again."""
    RUNNER_HUNG = "RunnerHung"
    """A job in hand, and for long neither progress nor CPU time nor bytes."""
    RUNNER_SILENT = "RunnerSilent"
    """The runner's process is there and answers nothing."""
    RUNNER_DEAF = "RunnerDeaf"
    """Idle and connected, yet it asks for no job while jobs of its types are pending."""
    RUNNER_UNREGISTERED = "RunnerUnregistered"
    """The server does not know the runner any more."""
    CONTACT_LOST = "ContactLost"
    """This pod does not reach the server, though the operator does."""
    UNREADY = "Unready"
    """Its readiness probe has failed for longer than the pool tolerates."""
    UPLOAD_REJECTED = "UploadRejected"
    """The result of a job was refused at the end of its encode, by a proxy before the server."""
    SCRATCH_FULL = "ScratchFull"
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    """The cluster took it away: a lack on the node, a preemption, a drained node."""
    NODE_LOST = "NodeLost"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    STARTUP_FAILED = "StartupFailed"
    CONFIGURATION_INVALID = "ConfigurationInvalid"
    AGENT_FAILED = "AgentFailed"

    @property
    def reason(self) -> Reason:
        """The same word in the list of reasons."""
        return Reason(self.value)


REMEDIES: Mapping[FailureCause, str] = {
    FailureCause.RUNNER_CRASHED: "the pod's log tells what the runner said last",
    FailureCause.RUNNER_HUNG: "raise lifecycle.stallToleranceSeconds if the job was only slow; else look at its video",
    FailureCause.RUNNER_SILENT: "raise the CPU request if the node is overloaded; else the pod's log tells more",
    FailureCause.RUNNER_DEAF: "check that proxies before the server let websockets through",
    FailureCause.RUNNER_UNREGISTERED: "somebody removed the runner in PeerTube, or its registration token",
    FailureCause.CONTACT_LOST: "check network, DNS and network policies between the pod and the server",
    FailureCause.UNREADY: "check network and DNS between the pod and the server; the agent's /readyz tells more",
    FailureCause.UPLOAD_REJECTED: "raise the body size and the timeouts of the proxy before PeerTube (nginx: "
    "client_max_body_size 0, proxy_request_buffering off, client_body_timeout and proxy_read_timeout of some minutes); "
    "each rejected upload costs a whole encode, up to five times",
    FailureCause.SCRATCH_FULL: "raise runner.scratch.size: a job needs room for its source and its results",
    FailureCause.OUT_OF_MEMORY: "raise runner.resources.limits.memory, or lower concurrency or ffmpeg.threads",
    FailureCause.EVICTED: "look at the node's events; requests that fit the use make evictions rarer",
    FailureCause.NODE_LOST: "look after the node; its pods come to rest when it is back or deleted",
    FailureCause.IMAGE_PULL_FAILED: "check runner.image, and podTemplate.imagePullSecrets if the registry needs them",
    FailureCause.UNSCHEDULABLE: "add nodes, or lower the pool's requests, nodeSelector or affinity",
    FailureCause.STARTUP_FAILED: "look at the pod's events; raise lifecycle.startupDeadlineSeconds if it is only slow",
    FailureCause.CONFIGURATION_INVALID: "use a runner image of the operator's release",
    FailureCause.AGENT_FAILED: "a fault of the agent; please report the pod's log",
}
"""What to do, as the end of a sentence."""
