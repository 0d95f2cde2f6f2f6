"""Videos, their files on disk, and the jobs that an upload makes."""

import secrets
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from peers.peertube.addresses import Urls
from peers.peertube.clock import Clock, iso
from peers.peertube.fanout import FanOut
from peers.peertube.jobs import JobQueue
from peers.peertube.media import make_still, probe
from peers.peertube.profile import STORYBOARD, ServerProfile
from peers.peertube.records import MediaInfo, OutputFile, Video
from peers.peertube.remote_runners import RemoteRunners


class VideoLibrary:
    """All videos; each has a directory of its own under the data directory.

    Attributes:
        resolutions: The enabled ones, for uploads from now on.
        storyboards, sound_only_files: Whether uploads get those jobs, if the version knows them.
    """

    def __init__(
        self,
        *,
        profile: ServerProfile,
        clock: Clock,
        queue: JobQueue,
        remote_runners: RemoteRunners,
        public_url: str,
        directory: Path,
    ) -> None:
        self.resolutions = profile.resolutions
        self.storyboards = STORYBOARD in profile.job_types
        self.sound_only_files = profile.sound_only_files
        self._remote_runners = remote_runners
        self._profile = profile
        self._clock = clock
        self._queue = queue
        self._public_url = public_url
        self._directory = directory
        self._videos: dict[str, Video] = {}
        self._last_file_id = 0

    def __iter__(self) -> Iterator[Video]:
        return iter(self._videos.values())

    def get(self, video_uuid: str) -> Video | None:
        return self._videos.get(video_uuid)

    def urls(self, video: Video) -> Urls:
        return Urls(public_url=self._public_url, video_uuid=video.uuid, shapes=self._profile.shapes)

    def recent_uploads(self) -> int:
        """Uploads and lives of the last seven days."""
        since = self._clock.now() - timedelta(days=7)
        return sum(1 for video in self._videos.values() if video.counted and video.created_at > since)

    def add(self, name: str, *, counted: bool) -> Video:
        video_uuid = str(uuid.uuid4())
        directory = self._directory / video_uuid
        directory.mkdir(parents=True)
        video = Video(
            id=len(self._videos) + 1,
            uuid=video_uuid,
            short_uuid=secrets.token_urlsafe(16),
            name=name,
            directory=directory,
            created_at=self._clock.now(),
            counted=counted,
        )
        self._videos[video_uuid] = video
        return video

    async def set_source(self, video: Video, path: Path, info: MediaInfo) -> None:
        """Take a file (which moves) as the video's original."""
        video.source = _move(path, video.directory / f"source{path.suffix}")
        video.source_info = info
        video.best, video.best_info = video.source, info
        if video.thumbnail is None and not info.has_video:
            video.thumbnail = video.directory / "thumbnail.jpg"
            await make_still(video.thumbnail)

    async def upload(self, name: str, path: Path, *, thumbnail: Path | None = None) -> Video:
        """Store an upload and put its jobs into the queue.

        Raises:
            MediaError: ffprobe cannot read the file.
        """
        info = await probe(path)
        video = self.add(name, counted=True)
        if thumbnail is not None:
            video.thumbnail = _move(thumbnail, video.directory / "thumbnail.jpg")
        await self.set_source(video, path, info)
        if info.has_video:
            self.queue_storyboard(video)
        self.queue_transcoding(video, is_new=True)
        return video

    def queue_storyboard(self, video: Video) -> None:
        if self.storyboards and self._remote_runners.storyboards:
            self._queue.add(self._fan_out(video, is_new=True).storyboard())

    def queue_transcoding(self, video: Video, *, is_new: bool) -> None:
        """Queue a video's jobs, unless the server does that work itself, of which nothing is to be seen here."""
        if not self._remote_runners.transcoding:
            return
        self._queue.add(self._fan_out(video, is_new=is_new).transcoding())

    def transcode(self, video: Video, kind: str) -> None:
        """Queue what an administrator asks for: `hls` or web videos of all resolutions, none waiting for another."""
        if self._remote_runners.transcoding:
            for draft in self._fan_out(video, is_new=False).by_request(kind):
                self._queue.add(draft)

    def add_result(self, video: Video, output: OutputFile, *, replaces_best: bool) -> None:
        video.outputs.append(output)
        if replaces_best and output.info is not None:
            video.best, video.best_info = output.path, output.info

    def _fan_out(self, video: Video, *, is_new: bool) -> FanOut:
        if video.best_info is None:
            raise ValueError(f"Video {video.uuid} has no file, so nothing can be transcoded; give it one first")
        self._last_file_id += 1
        return FanOut(
            urls=self.urls(video),
            info=video.best_info,
            profile=self._profile,
            resolutions=self.resolutions,
            uploads=self.recent_uploads(),
            requested_at=iso(self._clock.now()),
            input_file_id=self._last_file_id,
            is_new_video=is_new,
            sound_only_file=self.sound_only_files,
        )


def _move(path: Path, target: Path) -> Path:
    """Both are in the data directory, so this is a rename."""
    return path.replace(target)
