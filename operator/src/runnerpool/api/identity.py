"""Which pool: what stays readable even of one whose spec is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolIdentity:
    """A pool as the API server knows it. `uid` tells it from an earlier pool of the same name."""

    namespace: str
    name: str
    uid: str
    generation: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "PoolIdentity":
        """The identity in a pool's JSON."""
        metadata = body["metadata"]
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata["generation"],
        )
