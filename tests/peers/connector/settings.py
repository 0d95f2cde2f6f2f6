"""A Django site with nothing but the connector. What differs from run to run comes from its environment."""

import os
from pathlib import Path

_HOME = Path(os.environ["CONNECTOR_HOME"])
_URL = os.environ["CONNECTOR_URL"]

SECRET_KEY = os.environ["CONNECTOR_SECRET"]
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "peers.connector.urls"
ASGI_APPLICATION = "peers.connector.asgi.application"
INSTALLED_APPS = [
    # Django REST framework asks for the first two.
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "django_peertube_runner_connector.apps.DjangoPeertubeRunnerConnectorConfig",
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": _HOME / "db.sqlite3", "OPTIONS": {"timeout": 20}}
}
VIDEOS = _HOME / "videos"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    # A whole URL, as object storage has it: the connector gives it to FFmpeg, and sends runners there.
    "videos": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VIDEOS, "base_url": f"{_URL}/videos/"},
    },
}

# The connector's own; the package has no defaults.
TRANSCODING_ALWAYS_TRANSCODE_ORIGINAL_RESOLUTION = False
TRANSCODING_RESOLUTIONS_144P = True
TRANSCODING_RESOLUTIONS_240P = True
TRANSCODING_RESOLUTIONS_360P = False
TRANSCODING_RESOLUTIONS_480P = False
TRANSCODING_RESOLUTIONS_720P = False
TRANSCODING_RESOLUTIONS_1080P = False
TRANSCODING_RESOLUTIONS_1440P = False
TRANSCODING_RESOLUTIONS_2160P = False
TRANSCODING_FPS_MIN = 1
TRANSCODING_FPS_STANDARD = [24, 25, 30]
TRANSCODING_FPS_HD_STANDARD = [50, 60]
TRANSCODING_FPS_AUDIO_MERGE = 25
TRANSCODING_FPS_AVERAGE = 30
TRANSCODING_FPS_MAX = 60
TRANSCODING_FPS_KEEP_ORIGIN_FPS_RESOLUTION_MIN = 720
TRANSCODING_RUNNER_MAX_FAILURE = 5
TRANSCODING_ENDED_CALLBACK_PATH = ""
