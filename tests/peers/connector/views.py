"""What the site has besides the connector: what the package lacks, and what starts it."""

import os

from django.http import HttpRequest, HttpResponse, JsonResponse
from django_peertube_runner_connector.transcode import transcode_video


def ping(_: HttpRequest) -> HttpResponse:
    """As PeerTube answers it."""
    return HttpResponse("pong", content_type="text/plain")


def transcode(_: HttpRequest, video: str) -> HttpResponse:
    """Have a file of the storage transcoded. In the server's own process, so that its runners hear of it by push."""
    made = transcode_video(file_path=video, destination="transcoded", domain=os.environ["CONNECTOR_URL"])
    return JsonResponse({"uuid": str(made.uuid)})


# No browser ever asks for it.
transcode.csrf_exempt = True  # type: ignore[attr-defined]
