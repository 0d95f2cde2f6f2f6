"""The rows of the simulated server: jobs, runners, tokens, videos."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

JSON = dict[str, Any]


class JobState(IntEnum):
    """packages/models, runner-job-state.model.ts."""

    PENDING = 1
    PROCESSING = 2
    COMPLETED = 3
    ERRORED = 4
    WAITING_FOR_PARENT_JOB = 5
    CANCELLED = 6
    PARENT_ERRORED = 7
    PARENT_CANCELLED = 8
    COMPLETING = 9


ACTIVE_STATES = frozenset(
    {JobState.PENDING, JobState.PROCESSING, JobState.WAITING_FOR_PARENT_JOB, JobState.COMPLETING},
)
CANCELLABLE_STATES = frozenset({JobState.PENDING, JobState.PROCESSING, JobState.WAITING_FOR_PARENT_JOB})


@dataclass(slots=True, kw_only=True)
class RegistrationToken:
    id: int
    value: str
    created_at: datetime


@dataclass(slots=True, kw_only=True)
class Runner:
    id: int
    name: str
    description: str | None
    token: str
    registration_token_id: int
    ip: str
    version: str | None
    last_contact: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    id: int
    uuid: str
    type: str
    priority: int
    state: JobState
    payload: JSON
    private_payload: JSON
    created_at: datetime
    updated_at: datetime
    parent: "Job | None" = None
    runner: Runner | None = None
    token: str | None = None
    progress: int | None = None
    failures: int = 0
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def video_uuid(self) -> str:
        return str(self.private_payload["videoUUID"])


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaInfo:
    """What ffprobe tells of a file: its length in seconds and its best video stream, all 0 where there is none."""

    duration: float
    width: int
    height: int
    fps: float
    has_video: bool
    has_audio: bool

    @property
    def resolution(self) -> int:
        """PeerTube's figure: the shorter edge, so that upright videos count like lying ones."""
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A result that a runner delivered.

    Attributes:
        kind: `web-video`, `hls`, `storyboard`, `studio`, `captions` or `live`.
        resolution: What the job asked for (0: sound only); None where a job names none.
        info: The file as ffprobe saw it on arrival; None for what is no video.
    """

    kind: str
    path: Path
    job_uuid: str
    resolution: int | None = None
    playlist: Path | None = None
    info: MediaInfo | None = None


@dataclass(slots=True, kw_only=True)
class Video:
    """A video and its files.

    Attributes:
        source: The uploaded file and what ffprobe told of it; None for jobs put into the queue without a file.
        best: The file that runners get as `max-quality`: the source until the first transcoded one replaces it.
        counted: It is an upload or a live, which raise the priority figure of later uploads.
        live_ended: It was a live, and is over.
    """

    id: int
    uuid: str
    short_uuid: str
    name: str
    directory: Path
    created_at: datetime
    counted: bool
    source: Path | None = None
    source_info: MediaInfo | None = None
    best: Path | None = None
    best_info: MediaInfo | None = None
    thumbnail: Path | None = None
    outputs: list[OutputFile] = field(default_factory=list)
    live_ended: bool = False
