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

    required: int
    live: int
    studio: int
    transcription: int
    optional: int
    storyboard: int = 95


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShapes:
    """How a version words its jobs, where versions differ (seen in the recordings of both).

    Attributes:
        thumbnail_folder: In the address of the picture that goes with sound.
        audio_address: Sound has an address of its own (`…/max-quality/audio`).
        studio_output: Studio payloads have an empty `output`.
        live_segments: `segmentListSize` of live payloads.
        told_at_length: Private payloads say whether the video may change its state, and HLS ones which streams go in.
    """

    thumbnail_folder: str
    audio_address: bool
    studio_output: bool
    live_segments: int
    told_at_length: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProfile:
    """One PeerTube version (server/core/initializers/constants.ts and config/default.yaml of that version).

    Attributes:
        legacy_error: Error bodies repeat `detail` as `error`.
        heeds_types: `typeOneOf` filters the job list and `jobTypes` what runners are offered; else both are ignored.
        refuses_unknown_states: An unknown `stateOneOf` is a 400; else nothing is found.
        tells_runner_version: Runners tell their version, and their rows hold it.
        sound_only_files: There is `alwaysTranscodePodcastOptimizedAudio`, and the configuration tells of what came
            with it.
        silent_updates_share_throttle: Heartbeats without progress are counted once in two seconds over all jobs, so
            that some are lost; else once in two seconds for each job.
        rtmp_port: As the configuration tells it.
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
    shapes: JobShapes
    legacy_error: bool = False
    heeds_types: bool = True
    refuses_unknown_states: bool = True
    tells_runner_version: bool = True
    sound_only_files: bool = True
    silent_updates_share_throttle: bool = False
    rtmp_port: int = 1936
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
    priorities=JobPriorities(required=100, live=100, studio=150, transcription=200, optional=10_000),
    stalled_seconds=MappingProxyType(
        {LIVE: 30.0, WEB_VIDEO: 120.0, HLS: 120.0, AUDIO_MERGE: 120.0, STUDIO: 120.0, TRANSCRIPTION: 120.0},
    ),
    shapes=JobShapes(
        thumbnail_folder="thumbnails", audio_address=True, studio_output=True, live_segments=900, told_at_length=True
    ),
)

# Jobs of optional resolutions have no priority of their own, and studio jobs and captions no watchdog.
PEERTUBE_6_3: Final = ServerProfile(
    version="6.3.0",
    job_types=(WEB_VIDEO, HLS, AUDIO_MERGE, LIVE, STUDIO, TRANSCRIPTION),
    priorities=JobPriorities(required=100, live=100, studio=150, transcription=200, optional=100),
    stalled_seconds=MappingProxyType({LIVE: 30.0, WEB_VIDEO: 120.0, HLS: 120.0, AUDIO_MERGE: 120.0}),
    shapes=JobShapes(
        thumbnail_folder="previews", audio_address=False, studio_output=False, live_segments=15, told_at_length=False
    ),
    legacy_error=True,
    heeds_types=False,
    refuses_unknown_states=False,
    tells_runner_version=False,
    sound_only_files=False,
    silent_updates_share_throttle=True,
    rtmp_port=1935,
    refresh_token_seconds=14 * 86_400.0,
)

PROFILES: Final = MappingProxyType({"6.3": PEERTUBE_6_3, "8.2": PEERTUBE_8_2})
