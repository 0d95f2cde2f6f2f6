"""From a server's public configuration to what a plan depends on."""

import re

from runnerpool.api.job_types import JobType
from runnerpool.peertube.wire import WireConfig
from runnerpool.planning.server import ServerFacts

_VERSION = re.compile(r"v?(?P<number>(?P<major>\d{1,4})\.\d{1,4}\.\d{1,4})([-+.].*)?")
_UNKNOWN = "unknown"

# jobTypes in a runner's request (server/core/controllers/api/runners/jobs.ts) came with 7.0.
_FILTERS_SINCE = 7
_STORYBOARDS_SINCE = 8


def facts_of(config: WireConfig) -> ServerFacts:
    """What the configuration tells.

    A version that is not written as PeerTube writes them is `unknown` (no other text of the server is handed on), and
    is not trusted to filter. A switch that the answer leaves out is taken for on: nobody is told that it is off.
    """
    match = _VERSION.fullmatch(config.server_version)
    major = int(match["major"]) if match else 0
    storyboards = major >= _STORYBOARDS_SINCE if config.storyboards is None else config.storyboards.remote
    switches = {
        JobType.WEB_VIDEO: config.transcoding.remote,
        JobType.HLS: config.transcoding.remote,
        JobType.AUDIO_MERGE: config.transcoding.remote,
        JobType.LIVE: config.live.enabled and config.live.transcoding.remote,
        JobType.STUDIO: config.video_studio.remote,
        JobType.TRANSCRIPTION: config.video_transcription.remote,
        JobType.STORYBOARD: storyboards,
    }
    return ServerFacts(
        version=match["number"] if match else _UNKNOWN,
        remote_job_types=frozenset(str(kind) for kind, on in switches.items() if on),
        filters_by_type=major >= _FILTERS_SINCE,
    )
