"""Which jobs one video makes (server/core/lib/transcoding/, as seen in the recordings of 6.3.0 and 8.2.1).

The required web video is pending at once; its HLS, the lower web videos and the sound-only file (since 8.2) wait for
it; each lower HLS waits for its web video.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from peers.peertube.addresses import Urls
from peers.peertube.jobs import JobDraft
from peers.peertube.private_payloads import hls_private, streams_of, web_private
from peers.peertube.profile import AUDIO_MERGE, HLS, STORYBOARD, WEB_VIDEO, ServerProfile
from peers.peertube.records import JSON, MediaInfo

AUDIO_ONLY_RESOLUTION = 480
AUDIO_MERGE_FPS = 25
SOUND_ONLY = 0
# The server lists lower resolutions in this order, most wanted first.
RESOLUTION_ORDER = (480, 360, 720, 240, 144, 1080, 1440, 2160)
FPS_KEPT_FROM_RESOLUTION = 720
AVERAGE_FPS = 30
STANDARD_FPS = (24, 25, 30)
MAX_FPS = 60
SPRITE_EDGE = 192
SPRITES_PER_EDGE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOut:
    """What the jobs of one transcoding request have in common.

    Attributes:
        uploads: Uploads of the last seven days, this one included; they add to the priority figure.
        requested_at: ISO time that ends up in HLS jobs.
        input_file_id: Row of the file that the required web video replaces.
        sound_only_file: `alwaysTranscodePodcastOptimizedAudio` is on.
    """

    urls: Urls
    info: MediaInfo
    profile: ServerProfile
    resolutions: tuple[int, ...]
    uploads: int
    requested_at: str
    input_file_id: int
    is_new_video: bool = True
    sound_only_file: bool = True

    def transcoding(self) -> JobDraft:
        """The required job with all its descendants."""
        children = (self._hls(self._top, required=True), *self._lower())
        if self.info.has_video:
            return self._web(self._top, required=True, children=children)
        return JobDraft(
            type=AUDIO_MERGE,
            priority=self._priority(required=True),
            payload=lambda job: {
                "input": {"audioFileUrl": self.urls.audio(job), "previewFileUrl": self.urls.thumbnail(job)},
                "output": {"fps": AUDIO_MERGE_FPS, "resolution": self._top},
            },
            private_payload=self._web_private(required=True),
            children=children,
        )

    def by_request(self, kind: str) -> tuple[JobDraft, ...]:
        """One job for each resolution, all of optional priority (create-transcoding-job.ts)."""
        lower = [resolution for resolution in RESOLUTION_ORDER if resolution in self.resolutions]
        resolutions = (self._top, *(resolution for resolution in lower if resolution < self._top))
        make = self._hls if kind == "hls" else self._web
        return tuple(make(resolution, required=False) for resolution in resolutions)

    def storyboard(self) -> JobDraft:
        return storyboard(self.urls, self.info, self.profile.priorities.storyboard)

    @property
    def _top(self) -> int:
        if not self.info.has_video:
            return AUDIO_ONLY_RESOLUTION
        return self.info.resolution + self.info.resolution % 2

    def _lower(self) -> Iterator[JobDraft]:
        for resolution in RESOLUTION_ORDER:
            if resolution in self.resolutions and resolution < self._top:
                hls = self._hls(resolution, required=False)
                yield self._web(resolution, required=False, children=(hls,))
        if self.sound_only_file and self.info.has_audio:
            yield self._web(SOUND_ONLY, required=False)

    def _web(self, resolution: int, *, required: bool, children: tuple[JobDraft, ...] = ()) -> JobDraft:
        url = self.urls.audio if resolution == SOUND_ONLY else self.urls.video
        return JobDraft(
            type=WEB_VIDEO,
            priority=self._priority(required=required),
            payload=lambda job: {
                "input": {"videoFileUrl": url(job), "separatedAudioFileUrl": []},
                "output": {"fps": self._fps(resolution), "resolution": resolution},
            },
            private_payload=self._web_private(required=required),
            children=children,
        )

    def _web_private(self, *, required: bool) -> JSON:
        return web_private(
            self.urls.video_uuid,
            self.profile.shapes,
            is_new_video=self.is_new_video,
            can_move_video_state=not required,
            delete_input_file_id=self.input_file_id if required else None,
        )

    def _hls(self, resolution: int, *, required: bool) -> JobDraft:
        return JobDraft(
            type=HLS,
            priority=self._priority(required=required),
            payload=lambda job: {
                "input": {"videoFileUrl": self.urls.video(job), "separatedAudioFileUrl": []},
                "output": {"fps": self._fps(resolution), "resolution": resolution, "separatedAudio": False},
            },
            private_payload=hls_private(
                self.urls.video_uuid,
                self.profile.shapes,
                is_new_video=self.is_new_video,
                streams=streams_of(self.info),
                requested_at=self.requested_at,
            ),
        )

    def _fps(self, resolution: int) -> int:
        if resolution == SOUND_ONLY:
            return 0
        if not self.info.has_video:
            return AUDIO_MERGE_FPS
        return output_fps(self.info.fps, resolution, original=resolution == self._top)

    def _priority(self, *, required: bool) -> int:
        figures = self.profile.priorities
        return (figures.required if required else figures.optional) + self.uploads


def output_fps(source_fps: float, resolution: int, *, original: bool) -> int:
    """Frame rate of a transcoded file (server/core/helpers/ffmpeg/framerate.ts).

    Small copies of fast videos get the standard rate that divides the source's best.
    """
    fps = round(source_fps)
    if not original and resolution < FPS_KEPT_FROM_RESOLUTION and fps > AVERAGE_FPS:
        return min(STANDARD_FPS, key=lambda standard: fps % standard)
    return min(fps, MAX_FPS)


def storyboard(urls: Urls, info: MediaInfo, priority: int) -> JobDraft:
    """A sheet of at most 10 by 10 sprites, one second apart or more (server/core/lib/storyboard.ts)."""
    total = max(1, min(math.ceil(info.duration), SPRITES_PER_EDGE**2))
    columns, rows = _grid(total)
    sprites = {
        "size": _sprite_size(info),
        "count": {"width": columns, "height": rows},
        "duration": max(1, math.ceil(info.duration / total)),
    }
    return JobDraft(
        type=STORYBOARD,
        priority=priority,
        payload=lambda job: {"input": {"videoFileUrl": urls.video(job)}, "output": {}, "sprites": sprites},
        private_payload={"videoUUID": urls.video_uuid},
    )


def _grid(total: int) -> tuple[int, int]:
    """The first sheet, rows first, that holds the sprites."""
    return next(
        (columns, rows)
        for rows in range(1, SPRITES_PER_EDGE + 1)
        for columns in range(rows, SPRITES_PER_EDGE + 1)
        if total <= rows * columns
    )


def _sprite_size(info: MediaInfo) -> JSON:
    if not info.has_video:
        return {"width": SPRITE_EDGE, "height": 108}
    if info.width >= info.height:
        return {"width": SPRITE_EDGE, "height": round(SPRITE_EDGE * info.height / info.width)}
    return {"width": round(SPRITE_EDGE * info.width / info.height), "height": SPRITE_EDGE}
