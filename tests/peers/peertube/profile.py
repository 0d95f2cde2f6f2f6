"""What differs between server versions, and the figures that the real server has fixed or as its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

WEB_VIDEO: Final = "vod-web-video-transcoding"
HLS: Final = "vod-hls-transcoding"
AUDIO_MERGE: Final = "vod-audio-merge-transcoding"
LIVE: Final = "live-rtmp-hls-transcoding"
STUDIO: Final = "video-studio-transcoding"
TRANSCRIPTION: Final = "video-transcription"
STORYBOARD: Final = "generate-video-storyboard"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPriorities:
    """Lower goes first. To `required`, `optional` and `studio` the server adds the uploads of the last seven days."""

    storyboard: int
    required: int
    live: int
    studio: int
    transcription: int
    optional: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProfile:
    """One PeerTube version (server/core/initializers/constants.ts and config/default.yaml of that version).

    Attributes:
        stalled_seconds: Silence after which the watchdog takes a processing job back, by job type; a type that is
            missing is never taken back.
        push_debounce_seconds: Quiet time before `available-jobs` goes out; each new cause starts it again.
        accept_seconds: Time between the first look at a job's state and the one inside the transaction; two runners
            inside it see the two kinds of lost race (400 and 409).
    """

    version: str
    job_types: tuple[str, ...]
    priorities: JobPriorities
    stalled_seconds: Mapping[str, float]
    watchdog_period_seconds: float = 30.0
    push_debounce_seconds: float = 1.0
    last_contact_throttle_seconds: float = 30.0
    silent_update_throttle_seconds: float = 2.0
    accept_seconds: float = 0.003
    max_failures: int = 5
    offered_jobs: int = 10
    page_size: int = 15
    page_limit: int = 100
    access_token_seconds: float = 86_400.0
    refresh_token_seconds: float = 28 * 86_400.0
    ping_interval_seconds: int = 25
    ping_timeout_seconds: int = 20
    api_limit: tuple[int, float] = (50, 10.0)
    login_limit: tuple[int, float] = (15, 300.0)
    resolutions: tuple[int, ...] = (144, 240, 360, 480, 720)
    state_labels: Mapping[int, str] = field(
        default_factory=lambda: MappingProxyType(
            {
                1: "Pending",
                2: "Processing",
                3: "Completed",
                4: "Errored",
                5: "Waiting for parent job to finish",
                6: "Cancelled",
                7: "Parent job failed",
                8: "Parent job cancelled",
                9: "Completing",
            },
        ),
    )


PEERTUBE_8_2: Final = ServerProfile(
    version="8.2.1",
    job_types=(WEB_VIDEO, HLS, AUDIO_MERGE, LIVE, STUDIO, TRANSCRIPTION, STORYBOARD),
    priorities=JobPriorities(storyboard=95, required=100, live=100, studio=150, transcription=200, optional=10_000),
    stalled_seconds=MappingProxyType(
        {LIVE: 30.0, WEB_VIDEO: 120.0, HLS: 120.0, AUDIO_MERGE: 120.0, STUDIO: 120.0, TRANSCRIPTION: 120.0},
    ),
)
