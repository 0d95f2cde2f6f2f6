"""What may be done to a server's queue by request of a pool's `spec.repair`."""

from dataclasses import dataclass
from enum import StrEnum

from runnerpool.api.reasons import Reason


class TranscodingKind(StrEnum):
    """What a video can be transcoded to by request (packages/models, video-transcoding-create.model.ts)."""

    WEB_VIDEO = "web-video"
    HLS = "hls"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTranscoding:
    """Have a video transcoded anew, since the jobs that were to do it are lost. `kinds`: one request for each."""

    video: str
    kinds: tuple[TranscodingKind, ...]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJob:
    """Cancel a job and what waits for it. `then`: what to ask for if it was this that ended the job."""

    job: str
    reason: Reason
    message: str
    then: RequestTranscoding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """Remove a job that cannot be cancelled, and what waits for it. `then`: as for `CancelJob`."""

    job: str
    reason: Reason
    message: str
    then: RequestTranscoding | None = None


RepairStep = CancelJob | DeleteJob | RequestTranscoding
"""Steps that change jobs, which are the server's; no pod is named by them."""
