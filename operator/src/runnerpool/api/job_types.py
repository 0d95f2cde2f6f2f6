"""The job types that the official runner can be told to take.

Source: apps/peertube-runner/src/server/shared/supported-job.ts of PeerTube 8.2 (`video-transcription` came with 6.2,
`generate-video-storyboard` with 8.0). A server may send others; no pool takes those.
"""

from enum import StrEnum, unique


@unique
class JobType(StrEnum):
    """A job type, by the server's name."""

    WEB_VIDEO = "vod-web-video-transcoding"
    HLS = "vod-hls-transcoding"
    AUDIO_MERGE = "vod-audio-merge-transcoding"
    LIVE = "live-rtmp-hls-transcoding"
    STUDIO = "video-studio-transcoding"
    TRANSCRIPTION = "video-transcription"
    STORYBOARD = "generate-video-storyboard"


JOB_TYPES: tuple[str, ...] = tuple(JobType)
