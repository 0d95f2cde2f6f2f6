"""The closed lists of what can be wrong: words shared by probes, `/status`, metrics and the termination message."""

from dataclasses import dataclass
from enum import StrEnum, unique


@unique
class Trouble(StrEnum):
    """What is wrong, or not yet right, at this moment."""

    STARTING = "Starting"
    DRAINING = "Draining"
    RETIRING = "Retiring"
    CONTACT_LOST = "ContactLost"
    LOST_JOB = "LostJob"
    RUNNER_CRASHED = "RunnerCrashed"
    RUNNER_SILENT = "RunnerSilent"
    RUNNER_HUNG = "RunnerHung"
    RUNNER_DEAF = "RunnerDeaf"
    UNREGISTERED = "Unregistered"
    SCRATCH_FULL = "ScratchFull"
    UPLOAD_REJECTED = "UploadRejected"


@unique
class RestartCause(StrEnum):
    """Why a runner process was replaced by a fresh one in the same pod."""

    CRASHED = "RunnerCrashed"
    SILENT = "RunnerSilent"
    DEAF = "RunnerDeaf"
    CONTACT_LOST = "ContactLost"
    LOST_JOB = "LostJob"
    SCRATCH_FULL = "ScratchFull"


@unique
class LossCause(StrEnum):
    """Why the seconds spent on a job were in vain."""

    CRASHED = "RunnerCrashed"
    SILENT = "RunnerSilent"
    HUNG = "RunnerHung"
    DEAF = "RunnerDeaf"
    CONTACT_LOST = "ContactLost"
    LOST_JOB = "LostJob"
    SCRATCH_FULL = "ScratchFull"
    UPLOAD_REJECTED = "UploadRejected"
    JOB_FAILED = "JobFailed"
    UNREGISTERED = "Unregistered"
    UNHEALTHY = "Unhealthy"
    ABORT_ORDERED = "AbortOrdered"
    DEADLINE = "DrainDeadline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong now, with words for a person."""

    cause: Trouble
    message: str

    def __str__(self) -> str:
        return f"{self.cause}: {self.message}"
