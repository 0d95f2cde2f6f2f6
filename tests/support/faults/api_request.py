"""What a request asks of the API server, in the API's own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

READING = frozenset({"get", "list", "watch"})
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRequest:
    """One request.

    Attributes:
        verb: as in RBAC: get, list, watch, create, update, patch, delete, deletecollection.
        resource: plural; "" for discovery and health.
        subresource: such as `status`; "" for none.
        namespace, name: "" where there is none.
    """

    verb: str
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def writes(self) -> bool:
        return self.verb in WRITING

    @property
    def target(self) -> str:
        """Resource and subresource, as in RBAC: `pods`, `pods/status`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        return " ".join(word for word in (self.verb, self.target, self.name) if word)


@dataclass(slots=True, kw_only=True)
class Recorded:
    """A request that came, in the order of coming.

    Attributes:
        at: when it came: wall time, which logs and the server use too.
        asked: what it asked for.
        body: as it was sent; may hold a Secret.
        status: of the answer; None while there is none, and where the connection was cut.
        forwarded: it was sent on to the API server.
    """

    at: float
    asked: ApiRequest
    body: bytes = field(repr=False)
    status: int | None = None
    forwarded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Which requests; what is left out matches any. `target` is as in RBAC: `pods`, `pods/status`."""

    verbs: frozenset[str] = READING | WRITING
    target: str | None = None
    name: str | None = None

    def fits(self, request: ApiRequest) -> bool:
        return (
            request.verb in self.verbs
            and self.target in (None, request.target)
            and self.name in (None, request.name)
        )  # fmt: skip


POOLS = "transcodingrunnerpools"
EVERYTHING = Match()
READS = Match(verbs=READING)
WRITES = Match(verbs=WRITING)
WATCHES = Match(verbs=frozenset({"watch"}))
LISTS = Match(verbs=frozenset({"list"}))
STATUS_WRITES = Match(verbs=WRITING, target=f"{POOLS}/status")
POD_CREATES = Match(verbs=frozenset({"create"}), target="pods")


def parse(method: str, path: str, query: Mapping[str, str]) -> ApiRequest:
    """Read a request line of the Kubernetes API."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = ([*rest, "", "", ""])[:3]
    watching = query.get("watch") in {"1", "true"}
    return ApiRequest(
        verb=_verb(method, named=bool(name), watching=watching),
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )


def _verb(method: str, *, named: bool, watching: bool) -> str:
    if method == "DELETE":
        return "delete" if named else "deletecollection"
    if method in _VERBS:
        return _VERBS[method]
    if watching:
        return "watch"
    return "get" if named else "list"
