"""The application: Django, and before it the connector's socket.io server."""

import os

import socketio
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "peers.connector.settings")
_django = get_asgi_application()

# Its models are there only when Django is set up.
from django_peertube_runner_connector.socket import sio  # noqa: E402

application = socketio.ASGIApp(sio, _django)
