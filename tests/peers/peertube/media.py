"""Looking at media files, and making the few that the server itself needs."""

import asyncio
import json
from pathlib import Path
from typing import Any

from peers.peertube.records import MediaInfo


class MediaError(Exception):
    """ffprobe cannot read a file, or ffmpeg cannot make one."""


async def probe(path: Path) -> MediaInfo:
    """What a media file holds.

    Raises:
        MediaError: The file is no readable media, or ffprobe is missing.
    """
    output = await _run("ffprobe", "-v", "error", "-print_format", "json", "-show_format", "-show_streams", str(path))
    document = json.loads(output)
    streams: list[dict[str, Any]] = document.get("streams", [])
    videos = [stream for stream in streams if stream.get("codec_type") == "video" and not _is_cover(stream)]
    has_audio = any(stream.get("codec_type") == "audio" for stream in streams)
    if not videos and not has_audio:
        raise MediaError(f"{path.name} holds neither video nor sound; give a media file")
    best = max(videos, key=lambda stream: int(stream["width"]) * int(stream["height"]), default=None)
    width, height = _displayed_size(best) if best else (0, 0)
    return MediaInfo(
        duration=float(document.get("format", {}).get("duration", 0.0)),
        width=width,
        height=height,
        fps=_rate(best) if best else 0.0,
        has_video=best is not None,
        has_audio=has_audio,
    )


async def make_still(path: Path) -> None:
    """A plain picture, as the server has one for sound without a thumbnail of its own."""
    await _make(path, "-f", "lavfi", "-i", "color=c=gray:s=1280x720", "-frames:v", "1")


async def make_sample(path: Path, *, seconds: float, height: int, fps: int = 25) -> None:
    """A small real video with sound."""
    width = height * 16 // 9 // 2 * 2
    picture = f"testsrc2=size={width}x{height}:rate={fps}:duration={seconds}"
    sound = f"sine=frequency=440:duration={seconds}"
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    await _make(path, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *codecs)


async def _make(path: Path, *arguments: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    await _run("ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, "-threads", "1", str(path))


async def _run(program: str, *arguments: str) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise MediaError(f"{program} is not installed; install FFmpeg") from error
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise MediaError(f"{program} failed on {Path(arguments[-1]).name}: {errors.decode(errors='replace').strip()}")
    return output


def _is_cover(stream: dict[str, Any]) -> bool:
    return bool(stream.get("disposition", {}).get("attached_pic"))


def _displayed_size(stream: dict[str, Any]) -> tuple[int, int]:
    width, height = int(stream["width"]), int(stream["height"])
    turns = [int(data.get("rotation", 0)) for data in stream.get("side_data_list", [])]
    return (height, width) if any(abs(turn) % 180 == 90 for turn in turns) else (width, height)


def _rate(stream: dict[str, Any]) -> float:
    for key in ("avg_frame_rate", "r_frame_rate"):
        numerator, _, denominator = str(stream.get(key, "0/1")).partition("/")
        if float(numerator) > 0 and float(denominator or 1) > 0:
            return float(numerator) / float(denominator or 1)
    return 0.0
