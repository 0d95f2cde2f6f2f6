"""Video upload in one request (server/core/controllers/api/videos/upload.ts)."""

from aiohttp import web

from peers.peertube.call import Access, Body, Call, Limit, Route
from peers.peertube.media import MediaError
from peers.peertube.parameters import text_field
from peers.peertube.problems import Invalid, Problem

LONGEST_NAME = 120


async def upload(call: Call) -> web.Response:
    file = call.files.get("videofile")
    if file is None:
        raise Invalid("videofile", None, where="body", message="This file is not supported or too large.")
    name = text_field(call.body, "name", LONGEST_NAME)
    thumbnail = call.files.get("thumbnailfile") or call.files.get("previewfile")
    try:
        video = await call.simulation.library.upload(name, file.path, thumbnail=thumbnail.path if thumbnail else None)
    except MediaError as error:
        raise Problem(422, "Video file unreadable.") from error
    return web.json_response({"video": {"id": video.id, "shortUUID": video.short_uuid, "uuid": video.uuid}})


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/videos/upload",
        handler=upload,
        body=Body.MULTIPART,
        limit=Limit.API,
        access=Access.ACCOUNTS,
    ),
)
