"""What the server does with a finished job's files before it says COMPLETED."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.peertube.jobs import JobQueue
from peers.peertube.library import VideoLibrary
from peers.peertube.media import MediaError, probe
from peers.peertube.problems import Problem
from peers.peertube.profile import AUDIO_MERGE, HLS, LIVE, STORYBOARD, STUDIO, TRANSCRIPTION, WEB_VIDEO
from peers.peertube.records import Job, MediaInfo, OutputFile, Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file of a multipart body, stored; `filename` is the sender's word."""

    path: Path
    filename: str


VIDEO_FILE = "payload[videoFile]"
PLAYLIST_FILE = "payload[resolutionPlaylistFile]"
STORYBOARD_FILE = "payload[storyboardFile]"
CAPTION_FILE = "payload[vttFile]"

REQUIRED_FILES: Mapping[str, tuple[str, ...]] = {
    WEB_VIDEO: (VIDEO_FILE,),
    HLS: (VIDEO_FILE, PLAYLIST_FILE),
    AUDIO_MERGE: (VIDEO_FILE,),
    STUDIO: (VIDEO_FILE,),
    STORYBOARD: (STORYBOARD_FILE,),
    TRANSCRIPTION: (CAPTION_FILE,),
    LIVE: (),
}
KINDS = {
    WEB_VIDEO: "web-video",
    HLS: "hls",
    AUDIO_MERGE: "web-video",
    STUDIO: "studio",
    STORYBOARD: "storyboard",
    TRANSCRIPTION: "captions",
}


class BrokenOff(Exception):
    """The server was started again in the middle of it."""


class Completer:
    """Post-processing of results.

    Attributes:
        seconds: How long a job stays in COMPLETING; the runner's request waits for it.
    """

    def __init__(self, *, queue: JobQueue, library: VideoLibrary) -> None:
        self.seconds = 0.0
        self._broken_off = asyncio.Event()
        self._queue = queue
        self._library = library

    async def complete(self, job: Job, files: Mapping[str, Part]) -> None:
        """Take a job's results through COMPLETING to COMPLETED, or to ERRORED if they are unusable.

        Raises:
            Problem: 400, a file that the type needs is missing.
            BrokenOff: The server was started again meanwhile; the job stays in COMPLETING for ever.
        """
        missing = [name for name in REQUIRED_FILES.get(job.type, ()) if name not in files]
        if missing:
            raise Problem(400, "Payload is invalid")
        self._queue.start_completing(job)
        error: str | None = None
        await self._wait(self._broken_off)
        try:
            await self._store(job, files)
        except (MediaError, OSError) as failure:
            error = str(failure)
        self._queue.finish_completing(job, error)

    def break_off(self) -> None:
        """End all post-processing at once, as a restart does; nothing takes it up again."""
        self._broken_off.set()
        self._broken_off = asyncio.Event()

    async def _wait(self, broken_off: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.seconds):
                await broken_off.wait()
            raise BrokenOff

    async def _store(self, job: Job, files: Mapping[str, Part]) -> None:
        video = self._library.get(job.video_uuid)
        if video is None or not REQUIRED_FILES.get(job.type):
            return
        output = await self._output(job, video, files)
        replaces = job.type == STUDIO or job.private_payload.get("deleteInputFileId") is not None
        self._library.add_result(video, output, replaces_best=replaces)
        if video.source is None:
            return
        if job.type == STUDIO:
            self._library.queue_transcoding(video, is_new=False)
        if job.type == AUDIO_MERGE:
            self._library.queue_storyboard(video)

    async def _output(self, job: Job, video: Video, files: Mapping[str, Part]) -> OutputFile:
        main, *others = REQUIRED_FILES[job.type]
        kind = KINDS[job.type]
        # A playlist names its video file, so both keep the sender's names.
        directory = video.directory / kind / job.uuid
        directory.mkdir(parents=True, exist_ok=True)
        path = _keep(files[main], directory)
        playlists = [_keep(files[name], directory) for name in others]
        return OutputFile(
            kind=kind,
            path=path,
            job_uuid=job.uuid,
            resolution=job.payload.get("output", {}).get("resolution"),
            playlist=playlists[0] if playlists else None,
            info=await self._look(video, path) if main == VIDEO_FILE else None,
        )

    async def _look(self, video: Video, path: Path) -> MediaInfo | None:
        """ffprobe a result, as the server does; jobs that were made without a file may deliver anything."""
        return await probe(path) if video.source is not None else None


def _keep(part: Part, directory: Path) -> Path:
    return part.path.replace(directory / Path(part.filename).name)
