"""What `/config` tells of the instance (packages/models/src/server/server-config.model.ts)."""

from peers.peertube.profile import STORYBOARD
from peers.peertube.records import JSON
from peers.peertube.simulation import Simulation


def public_configuration(simulation: Simulation) -> JSON:
    """What a client needs to know of the configuration; the real answer holds more.

    `videoTranscription.enabled` goes with its switch: the recorded servers had neither.
    """
    profile, remote, library = simulation.profile, simulation.remote_runners, simulation.library
    on = {"enabled": True}
    choices: JSON = {"profile": "default", "availableProfiles": ["default"]}
    body: JSON = {
        "serverVersion": profile.version,
        "transcoding": {
            "remoteRunners": {"enabled": remote.transcoding},
            "hls": on,
            "web_videos": on,
            "enabledResolutions": list(library.resolutions),
            **choices,
        },
        "live": {
            "enabled": True,
            "allowReplay": True,
            "latencySetting": on,
            "maxDuration": -1,
            "maxInstanceLives": 20,
            "maxUserLives": 3,
            "transcoding": {
                "enabled": True,
                "remoteRunners": {"enabled": remote.live},
                "enabledResolutions": [],
                **choices,
            },
            "rtmp": {"port": profile.rtmp_port},
        },
        "videoStudio": {"enabled": True, "remoteRunners": {"enabled": remote.studio}},
        "videoTranscription": {
            "enabled": remote.transcription,
            "remoteRunners": {"enabled": remote.transcription},
        },
    }
    if profile.sound_only_files:
        _add_what_came_later(body, sound_only_files=library.sound_only_files)
    if STORYBOARD in profile.job_types:
        body["storyboards"] = {"enabled": library.storyboards, "remoteRunners": {"enabled": remote.storyboards}}
    return body


def _add_what_came_later(body: JSON, *, sound_only_files: bool) -> None:
    body["transcoding"]["hls"] = {"enabled": True, "splitAudioAndVideo": False}
    body["transcoding"]["alwaysTranscodeOriginalResolution"] = True
    body["transcoding"]["alwaysTranscodePodcastOptimizedAudio"] = sound_only_files
    body["live"]["dvr"] = {"maxWindow": 3600}
