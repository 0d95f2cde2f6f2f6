"""The closed list of causes by which work comes to nothing in pods that go on, and what a person can do about each."""

from collections.abc import Mapping
from enum import StrEnum, unique

from runnerpool.api.failure_causes import REMEDIES, FailureCause
from runnerpool.api.reasons import Reason


@unique
class LossCause(StrEnum):
    """Why a job was in vain though its pod outlived it. Each word is a `Reason` as well; the agent uses the same."""

    RUNNER_CRASHED = "RunnerCrashed"
    RUNNER_SILENT = "RunnerSilent"
    RUNNER_DEAF = "RunnerDeaf"
    CONTACT_LOST = "ContactLost"
    SCRATCH_FULL = "ScratchFull"
    LOST_JOB = "LostJob"
    """The server took it away: somebody cancelled it, or another runner has it."""
    UPLOAD_REJECTED = "UploadRejected"
    JOB_FAILED = "JobFailed"
    """The runner reported it as failed."""

    @property
    def reason(self) -> Reason:
        """The same word in the list of reasons."""
        return Reason(self.value)


LOSS_REMEDIES: Mapping[LossCause, str] = {
    **{cause: REMEDIES[FailureCause(cause)] for cause in LossCause if cause.value in list(FailureCause)},
    LossCause.LOST_JOB: "the server cancelled it or gave it to another runner, so the agent stopped the encode",
    LossCause.JOB_FAILED: "the pod's log, where logs are collected, tells what FFmpeg or the server said",
}
"""What to do, or to know, as the end of a sentence."""
