"""The part of a job that only administrators see (server/core/lib/transcoding/shared/job-builders/)."""

from collections.abc import Sequence

from peers.peertube.profile import JobShapes
from peers.peertube.records import JSON, MediaInfo

STREAM_VIDEO, STREAM_AUDIO = 1, 2


def streams_of(info: MediaInfo) -> tuple[int, ...]:
    """Which streams a file's HLS jobs take in."""
    return ((STREAM_AUDIO,) if info.has_audio else ()) + ((STREAM_VIDEO,) if info.has_video else ())


def web_private(
    video_uuid: str,
    shapes: JobShapes,
    *,
    is_new_video: bool,
    can_move_video_state: bool,
    delete_input_file_id: int | None,
) -> JSON:
    """Of a web video or an audio merge."""
    private: JSON = {"videoUUID": video_uuid, "isNewVideo": is_new_video}
    if shapes.told_at_length:
        private["canMoveVideoState"] = can_move_video_state
    return {**private, "deleteInputFileId": delete_input_file_id}


def hls_private(
    video_uuid: str, shapes: JobShapes, *, is_new_video: bool, streams: Sequence[int], requested_at: str
) -> JSON:
    """Of an HLS job; `requested_at` is an ISO time."""
    private: JSON = {"videoUUID": video_uuid, "isNewVideo": is_new_video}
    if not shapes.told_at_length:
        return {**private, "deleteWebVideoFiles": False}
    return {
        **private,
        "inputStreams": list(streams),
        "canMoveVideoState": True,
        "deleteWebVideoFiles": False,
        "transcodingRequestAt": requested_at,
    }
