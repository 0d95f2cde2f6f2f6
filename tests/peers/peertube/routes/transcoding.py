"""Transcoding by request (controllers/api/videos/transcoding.ts, validators/videos/video-transcoding.ts)."""

from aiohttp import web

from peers.peertube.call import Access, Body, Call, Route, empty
from peers.peertube.plain import Order, enqueue
from peers.peertube.problems import Invalid, Problem
from peers.peertube.profile import HLS, WEB_VIDEO
from peers.peertube.records import ACTIVE_STATES, Video

_TYPES = {"hls": HLS, "web-video": WEB_VIDEO}


async def create(call: Call) -> web.Response:
    """Queue a video's jobs anew. One that was made without a file gets one plain job, as its first were."""
    kind, video = call.body.get("transcodingType"), call.simulation.library.get(call.path("videoUUID"))
    if kind not in _TYPES:
        raise Invalid("transcodingType", kind, where="body")
    if video is None:
        raise Problem(404, "Video not found")
    if call.body.get("forceTranscoding") is not True and _under_way(call, video):
        raise Problem(409, "This video is already being transcoded", code="video_already_being_transcoded")
    if video.best_info is None:
        await enqueue(call.simulation, Order(type=_TYPES[kind], video=video.uuid))
    else:
        call.simulation.library.transcode(video, kind)
    return empty()


def _under_way(call: Call, video: Video) -> bool:
    jobs = [job for job in call.simulation.queue if job.type in _TYPES.values() and job.video_uuid == video.uuid]
    return any(job.state in ACTIVE_STATES for job in jobs)


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/videos/{videoUUID}/transcoding",
        handler=create,
        body=Body.JSON,
        access=Access.RUNNER_MANAGERS,
    ),
)
