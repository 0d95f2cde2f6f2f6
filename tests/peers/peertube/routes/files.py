"""Downloads of a job's inputs (server/core/controllers/api/runners/jobs-files.ts), open only while it is processed."""

from pathlib import Path

from aiohttp import web

from peers.peertube.call import Body, Call, Limit, Route
from peers.peertube.problems import Problem
from peers.peertube.records import Video
from peers.peertube.routes.runner_jobs import JOB, held_job


async def max_quality(call: Call) -> web.StreamResponse:
    return _file(_video(call).best)


async def max_quality_audio(call: Call) -> web.StreamResponse:
    video = _video(call)
    has_audio = video.best_info is not None and video.best_info.has_audio
    return _file(video.best if has_audio else None)


async def thumbnail(call: Call) -> web.StreamResponse:
    return _file(_video(call).thumbnail)


def _video(call: Call) -> Video:
    job = held_job(call)
    video = call.simulation.library.get(call.path("videoId"))
    if video is None or video.uuid != job.video_uuid:
        raise Problem(404, "Unknown video")
    return video


def _file(path: Path | None) -> web.StreamResponse:
    if path is None:
        raise Problem(404, "This video has no such file")
    return web.FileResponse(path)


VIDEO = f"{JOB}/files/videos/{{videoId}}"
ROUTES = tuple(
    Route(method="POST", path=f"{VIDEO}/{path}", handler=handler, body=Body.JSON, limit=Limit.API)
    for path, handler in (
        ("max-quality", max_quality),
        ("max-quality/audio", max_quality_audio),
        ("thumbnails/max-quality", thumbnail),
        ("previews/max-quality", thumbnail),
    )
)
