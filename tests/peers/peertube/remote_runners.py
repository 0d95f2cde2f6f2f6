"""Which work the instance leaves to runners."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from peers.peertube.profile import AUDIO_MERGE, HLS, LIVE, STORYBOARD, STUDIO, TRANSCRIPTION, WEB_VIDEO

_SWITCHES: Mapping[str, str] = {
    WEB_VIDEO: "transcoding",
    HLS: "transcoding",
    AUDIO_MERGE: "transcoding",
    LIVE: "live",
    STUDIO: "studio",
    TRANSCRIPTION: "transcription",
    STORYBOARD: "storyboards",
}


@dataclass(slots=True, kw_only=True)
class RemoteRunners:
    """Which kinds of work go to runners, as on the recorded servers; what does not is done by the server itself.

    Jobs that are in the queue already stay there when a switch goes off.
    """

    transcoding: bool = True
    live: bool = True
    studio: bool = True
    transcription: bool = False
    storyboards: bool = True

    def serve(self, job_type: str) -> bool:
        """Jobs of that type go to runners."""
        return bool(getattr(self, _SWITCHES[job_type]))

    def change(self, wishes: object) -> None:
        """Set what is given; what is left out stays.

        Raises:
            ValueError: An unknown switch, or a value that is neither true nor false.
        """
        names = {field.name for field in fields(self)}
        if not isinstance(wishes, dict) or not wishes.keys() <= names:
            raise ValueError(f"remoteRunners is no object with some of {', '.join(sorted(names))}")
        if not all(isinstance(value, bool) for value in wishes.values()):
            raise ValueError("a switch of remoteRunners is neither true nor false")
        for name, value in wishes.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, bool]:
        return {field.name: getattr(self, field.name) for field in fields(self)}
