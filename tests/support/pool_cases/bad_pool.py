"""One pool that must be refused."""

from dataclasses import dataclass
from typing import Any

LIVE = "live-rtmp-hls-transcoding"
MEGABYTE = "x" * 2**20
MANY = 10_000


@dataclass(frozen=True, kw_only=True)
class BadPool:
    """A pool with one fault.

    Attributes:
        path: Where the fault is, as both judges name it.
        told: What to write instead, in the message of both judges; for plain bounds, types and lists of choices each
            has words of its own: then empty.
        bound: What the API server says of such a bound.
        metadata: Laid over a valid pool's metadata.
    """

    case: str
    path: str
    spec: dict[str, Any]
    told: str = ""
    bound: str = ""
    metadata: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self.case


def without(spec: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = spec
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return spec
