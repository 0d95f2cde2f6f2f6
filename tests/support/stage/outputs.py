"""What a PeerTube server must have of a video when all its jobs are done, and whether it has.

The rules are the server's (server/core/lib/transcoding/create-transcoding-job.ts of 8.2): each enabled resolution up to
the video's own as a web video and as HLS, its sound as a file of its own, one storyboard; sound alone becomes a picture
of 480.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers.peertube.client import Output, SimulatedVideo
from support.stage.errors import StageError
from support.stage.probing import Facts, probe
from support.stage.videos import VideoSpec

ENABLED_RESOLUTIONS = (144, 240, 360, 480, 720)
SOUND_ONLY = 0
_RESOLUTION_OF_SOUND = 480
_WEB, _HLS, _STORYBOARD = "web-video", "hls", "storyboard"
# A frame at each end, and what AAC adds before the first sample and up to the last packet.
_SECONDS_TOLERANCE = 0.4
_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """A file that must be there. `resolution` is 0 for sound only, -1 for a storyboard."""

    kind: str
    resolution: int

    def __str__(self) -> str:
        if self.kind == _STORYBOARD:
            return self.kind
        return f"{self.kind} {'sound only' if self.resolution == SOUND_ONLY else f'{self.resolution}p'}"


_NOT_MADE_BY = {"6.3": (Wanted(_WEB, SOUND_ONLY), Wanted(_STORYBOARD, -1))}


def wanted(spec: VideoSpec, enabled: Iterable[int] = ENABLED_RESOLUTIONS) -> list[Wanted]:
    """The files that a server makes of an upload."""
    top = spec.resolution if spec.picture else _RESOLUTION_OF_SOUND
    pictures = sorted({top, *(resolution for resolution in enabled if resolution < top)})
    sound_only = [Wanted(_WEB, SOUND_ONLY)] if spec.sound else []
    copies = [Wanted(kind, resolution) for kind in (_WEB, _HLS) for resolution in pictures]
    return sorted([*copies, *sound_only, Wanted(_STORYBOARD, -1)])


def problems(
    spec: VideoSpec, video: SimulatedVideo, look: Callable[[Path], Facts] = probe, *, version: str = "8.2"
) -> list[str]:
    """What is wrong with the results of an upload; empty if nothing is.

    Args:
        spec: what was uploaded.
        video: what the server has.
        look: ffprobe.
        version: of the server: 6.3 makes neither storyboards nor files of the sound alone.
    """
    found = Counter(Wanted(output.kind, _resolution(output)) for output in video.outputs)
    expected = Counter(file for file in wanted(spec) if file not in _NOT_MADE_BY.get(version, ()))
    told = [f"{file} is missing" for file in sorted((expected - found).elements())]
    told += [f"{file} is there and should not be" for file in sorted((found - expected).elements())]
    for output in video.outputs:
        name = Wanted(output.kind, _resolution(output))
        told += [f"{name}: {problem}" for problem in _output_problems(spec, output, look)]
    return [f"{spec.name}: {problem}" for problem in told]


def all_problems(videos: Sequence[tuple[VideoSpec, SimulatedVideo]], *, version: str = "8.2") -> list[str]:
    return [problem for spec, video in videos for problem in problems(spec, video, version=version)]


def _resolution(output: Output) -> int:
    return -1 if output.resolution is None else output.resolution


def _output_problems(spec: VideoSpec, output: Output, look: Callable[[Path], Facts]) -> Iterator[str]:
    try:
        facts = look(output.path)
    except StageError as error:
        yield str(error)
        return
    if output.kind == _STORYBOARD:
        yield from _storyboard_problems(facts)
        return
    if abs(facts.seconds - spec.seconds) > _SECONDS_TOLERANCE:
        yield f"lasts {facts.seconds:.2f} s, not {spec.seconds} s"
    if facts.audio_codec != ("aac" if spec.sound else None):
        yield f"has sound of codec {facts.audio_codec}"
    yield from _picture_problems(spec, _resolution(output), facts)
    if output.kind == _HLS:
        yield from _playlist_problems(output)


def _storyboard_problems(facts: Facts) -> Iterator[str]:
    if not facts.still or facts.video_codec not in {"mjpeg", "png", "webp"}:
        yield f"is no still picture, but {facts.video_codec}"
    if facts.resolution <= 0:
        yield "has no size"


def _picture_problems(spec: VideoSpec, resolution: int, facts: Facts) -> Iterator[str]:
    if resolution == SOUND_ONLY:
        if facts.video_codec is not None:
            yield f"has a picture of codec {facts.video_codec}"
        return
    if facts.video_codec != "h264":
        yield f"has a picture of codec {facts.video_codec}, not h264"
    if facts.resolution != resolution:
        yield f"is {facts.width}x{facts.height}, not {resolution}p"
    elif spec.picture and not _same_shape(spec, facts):
        yield f"is {facts.width}x{facts.height}: not of the shape of {spec.width}x{spec.height}"


def _same_shape(spec: VideoSpec, facts: Facts) -> bool:
    """The same aspect ratio but for rounding to even pixels."""
    wanted_width = facts.height * spec.width / spec.height
    return abs(facts.width - wanted_width) <= max(2.0, wanted_width * _ASPECT_TOLERANCE)


def _playlist_problems(output: Output) -> Iterator[str]:
    if output.playlist is None or not output.playlist.exists():
        yield "has no playlist"
        return
    text = output.playlist.read_text()
    if output.path.name not in text:
        yield f"its playlist does not name {output.path.name}"
    if "#EXT-X-ENDLIST" not in text:
        yield "its playlist has no end"
