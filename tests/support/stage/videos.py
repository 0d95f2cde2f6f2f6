"""Real videos, made by FFmpeg, the same on every machine and kept in the machine's cache."""

import hashlib
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from support.cluster.paths import cache_directory
from support.stage.errors import StageError

FPS = 25
_RECIPE = 1  # raise it when the arguments below change, so that no cache serves files of the old ones


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """A video to make.

    Attributes:
        width, height: of the picture, in pixels, both even; none is sound alone.
        seconds: its length.
        sound: with a sound track.
    """

    name: str
    width: int
    height: int
    seconds: int
    sound: bool = True

    @property
    def picture(self) -> bool:
        return self.height > 0

    @property
    def resolution(self) -> int:
        """PeerTube's figure: the shorter edge."""
        return min(self.width, self.height)

    @property
    def portrait(self) -> bool:
        return self.height > self.width

    @property
    def suffix(self) -> str:
        return ".mp4" if self.picture else ".m4a"

    def arguments(self) -> list[str]:
        """FFmpeg's arguments: a test card with movement and a running clock, and a sine tone."""
        inputs, codecs = [], []
        if self.picture:
            size = f"{self.width}x{self.height}"
            inputs += ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={FPS}:duration={self.seconds}"]
            codecs += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(2 * FPS)]
        if self.sound:
            inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={self.seconds}"]
            codecs += ["-c:a", "aac", "-b:a", "96k"]
        return [*inputs, *codecs, "-movflags", "+faststart"]

    def digest(self) -> str:
        text = " ".join([str(_RECIPE), *self.arguments()])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def sound(name: str, seconds: int) -> VideoSpec:
    return VideoSpec(name=name, width=0, height=0, seconds=seconds)


def make(spec: VideoSpec, directory: Path | None = None) -> Path:
    """The video's file, made if the cache has none.

    Raises:
        StageError: FFmpeg is missing or failed.
    """
    place = directory or cache_directory() / "videos"
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{spec.digest()}{spec.suffix}"
    with FileLock(f"{target}.lock"):
        if not target.exists():
            unfinished = target.with_suffix(f".part{spec.suffix}")
            _ffmpeg([*spec.arguments(), str(unfinished)], spec.name)
            unfinished.replace(target)
    return target


def missing(specs: Sequence[VideoSpec], directory: Path | None = None) -> list[VideoSpec]:
    """Those of the videos that `make` would have to make."""
    place = directory or cache_directory() / "videos"
    return [spec for spec in specs if not (place / f"{spec.digest()}{spec.suffix}").exists()]


def _ffmpeg(arguments: Sequence[str], name: str) -> None:
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StageError(f"{name} cannot be made: there is no ffmpeg; install FFmpeg") from error
    if run.returncode:
        raise StageError(f"{name} cannot be made: ffmpeg ended with {run.returncode}: {run.stderr.strip()}")
