"""Live chunks, which are the heartbeat of a live job (server/core/lib/runners/job-handlers/live-rtmp-hls-…)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.peertube.completion import Part
from peers.peertube.library import VideoLibrary
from peers.peertube.problems import Problem
from peers.peertube.records import Job

CHUNK_NAME = "payload[videoChunkFilename]"
CHUNK_FILE = "payload[videoChunkFile]"
PLAYLIST_NAME = "payload[resolutionPlaylistFilename]"
PLAYLIST_FILE = "payload[resolutionPlaylistFile]"
MASTER_FILE = "payload[masterPlaylistFile]"


def end(library: VideoLibrary, video_uuid: str) -> None:
    """The streamer has left: the session is over, of which its runner learns by its next chunk.

    Raises:
        Problem: 404, no such video.
    """
    video = library.get(video_uuid)
    if video is None:
        raise Problem(404, "Video not found")
    video.live_ended = True


def store_chunk(library: VideoLibrary, job: Job, fields: Mapping[str, Any], files: Mapping[str, Part]) -> None:
    """Keep or remove a chunk, and keep the playlists that come with it.

    Raises:
        Problem: 400, the update says neither, or lacks its file, or the live has ended.
    """
    video = library.get(job.video_uuid)
    kind = fields.get("payload[type]")
    name = fields.get(CHUNK_NAME)
    if kind not in ("add-chunk", "remove-chunk") or not name or (kind == "add-chunk" and CHUNK_FILE not in files):
        raise Problem(400, "Payload is invalid")
    if video is None:
        return
    if video.live_ended:
        raise Problem(400, "Session of this live ended", code="runner_job_not_in_processing_state")
    directory = video.directory / "live"
    directory.mkdir(exist_ok=True)
    if kind == "remove-chunk":
        _inside(directory, name).unlink(missing_ok=True)
    else:
        files[CHUNK_FILE].path.replace(_inside(directory, name))
    if MASTER_FILE in files:
        files[MASTER_FILE].path.replace(directory / "master.m3u8")
    playlist_name = fields.get(PLAYLIST_NAME)
    if playlist_name and PLAYLIST_FILE in files:
        files[PLAYLIST_FILE].path.replace(_inside(directory, playlist_name))


def _inside(directory: Path, name: str) -> Path:
    return directory / Path(name).name
