"""The override by hand: the annotation `runnerpool.dev/override: replicas=3,until=2026-12-01T08:00Z`."""

from dataclasses import dataclass
from datetime import datetime

from runnerpool.api.times import parse_time

_HOW = "write it as replicas=3,until=2026-12-01T08:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A number of pods that a person wants for a while, whatever the queue says.

    Attributes:
        replicas: The number; `maxReplicas` bounds it.
        until: From this moment on it is ignored; aware UTC.
    """

    replicas: int
    until: datetime


class OverrideInvalid(ValueError):
    """The annotation can't be read; it is ignored. The message says how to write it."""


def parse_override(text: str) -> Override:
    """Read the annotation.

    Raises:
        OverrideInvalid: A part is missing, unknown, given twice or not what it should be.
    """
    pairs = [part.strip().partition("=") for part in text.split(",")]
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    if len(pairs) != len(fields) or fields.keys() != {"replicas", "until"}:
        raise OverrideInvalid(f"must hold replicas and until, each once; {_HOW}")
    replicas = fields["replicas"]
    if not (replicas.isascii() and replicas.isdigit()):
        raise OverrideInvalid(f"replicas must be a whole number; {_HOW}")
    until = parse_time(fields["until"])
    if until is None:
        raise OverrideInvalid(f"until must be a time with its zone; {_HOW}")
    return Override(replicas=int(replicas[:9]), until=until)
