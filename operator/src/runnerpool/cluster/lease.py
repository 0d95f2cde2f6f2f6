"""A Lease (coordination.k8s.io/v1): who of several replicas acts. Raw JSON, every write under a precondition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import NotFound

LEASE_REQUEST_TIMEOUT_SECONDS = 3.0
"""For one call about the Lease: far less than for others, as a renewal that comes late is worth nothing."""

_API_VERSION = "coordination.k8s.io/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerms:
    """What a Lease says. Its times are for people: those of two machines are never compared.

    Attributes:
        holder: Who acts; empty if it was given back.
        duration_seconds: How long it must stand unchanged before another may take it.
        transitions: How often it has changed hands.
        acquired: When the holder took it, as the API server writes times.
        renewed: When the holder renewed it last.
    """

    holder: str
    duration_seconds: int
    transitions: int
    acquired: str
    renewed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A Lease as it was read.

    Attributes:
        terms: What it says: two readings of the same terms are readings of a Lease that nobody has renewed between.
        body: The object itself, with the resourceVersion that a later write is bound to.
    """

    terms: LeaseTerms
    body: Mapping[str, Any] = field(repr=False, compare=False)


class LeaseStore:
    """Reads and writes one Lease. Every method raises `ClusterError` kinds only."""

    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name

    def __str__(self) -> str:
        """`namespace/name`, as people write it."""
        return f"{self._namespace}/{self._name}"

    async def read(self) -> Lease | None:
        """The Lease as it is now; None if there is none."""
        try:
            return _lease(await self._api.call("GET", f"{self._leases}/{self._name}"))
        except NotFound:
            return None

    async def create(self, terms: LeaseTerms) -> Lease:
        """Make the Lease. AlreadyExists if another was faster."""
        body = {
            "apiVersion": _API_VERSION,
            "kind": "Lease",
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": _spec(terms),
        }
        return _lease(await self._api.call("POST", self._leases, body=body))

    async def replace(self, read: Lease, terms: LeaseTerms) -> Lease:
        """Write new terms if nobody has changed the Lease since it was read; Conflict if somebody has."""
        # Labels and fields that others have put there stay; `metadata` holds the resourceVersion.
        body = {**read.body, "spec": {**(read.body.get("spec") or {}), **_spec(terms)}}
        return _lease(await self._api.call("PUT", f"{self._leases}/{self._name}", body=body))

    @property
    def _leases(self) -> str:
        return f"/apis/{_API_VERSION}/namespaces/{self._namespace}/leases"


def micro_time(moment: datetime) -> str:
    """As the API server writes a Lease's times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _spec(terms: LeaseTerms) -> dict[str, Any]:
    return {
        "holderIdentity": terms.holder,
        "leaseDurationSeconds": terms.duration_seconds,
        "leaseTransitions": terms.transitions,
        "acquireTime": terms.acquired,
        "renewTime": terms.renewed,
    }


def _lease(body: Mapping[str, Any]) -> Lease:
    """All fields of a Lease's spec are optional."""
    spec = body.get("spec") or {}
    terms = LeaseTerms(
        holder=spec.get("holderIdentity") or "",
        duration_seconds=spec.get("leaseDurationSeconds") or 0,
        transitions=spec.get("leaseTransitions") or 0,
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
    )
    return Lease(terms=terms, body=body)
