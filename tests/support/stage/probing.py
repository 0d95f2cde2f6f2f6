"""What ffprobe tells of a file."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.stage.errors import StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A media file. Sizes are 0, codecs None where there is no such stream; `still`: a picture that does not move."""

    seconds: float
    width: int
    height: int
    video_codec: str | None
    audio_codec: str | None
    still: bool

    @property
    def resolution(self) -> int:
        return min(self.width, self.height)


def probe(path: Path) -> Facts:
    """The file's facts.

    Raises:
        StageError: ffprobe is missing, or cannot read the file.
    """
    command = ["ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams", str(path)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise StageError("there is no ffprobe; install FFmpeg") from error
    if run.returncode:
        raise StageError(f"ffprobe cannot read {path.name}: {run.stderr.strip()}")
    return facts(json.loads(run.stdout))


def facts(document: dict[str, Any]) -> Facts:
    """Facts from ffprobe's JSON."""
    streams = {stream["codec_type"]: stream for stream in reversed(document.get("streams", []))}
    video, audio, container = streams.get("video", {}), streams.get("audio", {}), document.get("format", {})
    return Facts(
        seconds=float(container.get("duration", 0)),
        width=int(video.get("width", 0)),
        height=int(video.get("height", 0)),
        video_codec=video.get("codec_name"),
        audio_codec=audio.get("codec_name"),
        still=str(container.get("format_name", "")).startswith(("image2", "jpeg", "png", "mjpeg")),
    )
