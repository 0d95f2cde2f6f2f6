"""Histories made by hand, on which the checks are tried: times are seconds after the begin."""

from dataclasses import dataclass, field, replace
from typing import Any

from support.observer import objects
from support.observer.records import (
    ApiCall,
    Change,
    Fault,
    History,
    Invariant,
    JobStep,
    Kind,
    Sample,
    Span,
    Suspension,
    Text,
    Version,
)

NAMESPACE, POOL, POOL_UID, OPERATOR, SERVER_LOGIN = "media", "vod", "pool-uid", "operator", "peertube-admin"
JOB_TYPE = "vod-web-video-transcoding"
BEGIN = 1_000_000.0
_KNOWN_QUEUE = {"type": "QueueReachable", "status": "True", "reason": "QueueRead"}
_READY = {"type": "Ready", "status": "True", "reason": "AllWell"}


@dataclass(slots=True)
class Script:
    """Told in order of time; `history` is what an observer would have seen of it."""

    versions: list[Version] = field(default_factory=list)
    calls: list[ApiCall] = field(default_factory=list)
    steps: list[JobStep] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=lambda: [Sample(at=BEGIN, requests={}, runners=frozenset())])
    faults: list[Fault] = field(default_factory=list)
    suspensions: list[Suspension] = field(default_factory=list)
    steady: list[Span] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def version(self, at: float, kind: Kind, body: dict[str, Any], change: Change = Change.MODIFIED) -> None:
        number = len(self.versions) + 1
        body["metadata"] |= {"resourceVersion": str(number)}
        self.versions.append(Version(at=BEGIN + at, kind=kind, change=change, number=number, body=body))

    def from_a_list(self, *, first: bool = False) -> None:
        """The last version was not heard when it came about, but found in a list."""
        self.versions[-1] = replace(self.versions[-1], listed=True, gap=not first)

    def pool(
        self,
        at: float,
        *,
        conditions: tuple[dict[str, Any], ...] = (_READY, _KNOWN_QUEUE),
        change: Change = Change.MODIFIED,
        status: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        **spec: Any,
    ) -> None:
        """A version of the pool; `spec` replaces parts of the usual one."""
        usual = {
            "jobTypes": [JOB_TYPE],
            "scaling": {"minReplicas": 0, "maxReplicas": 2, "idleSeconds": 5},
            "rollout": {"maxSurge": 1},
            "lifecycle": {"drainTimeoutSeconds": 100, "deletionPolicy": "Drain"},
            "server": {"credentialsRef": {"name": SERVER_LOGIN}},
        }
        generation = (metadata or {}).get("generation", 1)
        told = [{"observedGeneration": generation, **condition} for condition in conditions]
        body = {
            "metadata": {"name": POOL, "uid": POOL_UID, "generation": 1} | (metadata or {}),
            "spec": usual | spec,
            "status": {"observedGeneration": generation, "conditions": told} | (status or {}),
        }
        self.version(at, Kind.POOL, body, change)

    def pod(
        self,
        at: float,
        name: str,
        *,
        change: Change = Change.MODIFIED,
        annotations: dict[str, str] | None = None,
        metadata: dict[str, Any] | None = None,
        **look: Any,
    ) -> None:
        """A version of a pod of the pool, which runs and is ready; `look` gives its `phase`, `ready`, `gated`."""
        owner = {"kind": "TranscodingRunnerPool", "name": POOL, "uid": POOL_UID, "controller": True}
        marks = {objects.TEMPLATE_HASH: "old"} | (annotations or {})
        body: dict[str, Any] = {
            "metadata": {"name": name, "uid": f"uid-{name}", "ownerReferences": [owner], "annotations": marks},
            "spec": {"schedulingGates": [{"name": "runnerpool.dev/registration"}] if look.get("gated") else []},
            "status": {
                "phase": look.get("phase", "Running"),
                "conditions": [{"type": "Ready", "status": str(look.get("ready", True))}],
            },
        }
        body["metadata"] |= metadata or {}
        self.version(at, Kind.POD, body, change)

    def secret(self, at: float, change: Change = Change.ADDED, name: str = SERVER_LOGIN) -> None:
        self.version(at, Kind.SECRET, {"metadata": {"name": name, "uid": f"uid-{name}"}}, change)

    def event(self, at: float, reason: str, message: str) -> None:
        body = {"metadata": {"name": f"event-{at}", "uid": f"event-{at}"}, "reason": reason, "message": message}
        self.version(at, Kind.EVENT, body, Change.ADDED)

    def call(self, at: float, verb: str, resource: str, name: str = "", code: int = 200, user: str = OPERATOR) -> None:
        self.calls.append(
            ApiCall(at=BEGIN + at, user=user, verb=verb, resource=resource, namespace=NAMESPACE, name=name, code=code)
        )

    def job(self, at: float, job: str, cause: str, *, before: int | None, after: int | None, runner: str = "") -> None:
        self.steps.append(
            JobStep(
                at=BEGIN + at, job=job, type=JOB_TYPE, cause=cause, before=before, after=after, runner=runner or None
            )
        )

    def pending(self, at: float, job: str) -> None:
        self.job(at, job, "created", before=None, after=1)

    def taken(self, at: float, job: str, runner: str) -> None:
        self.job(at, job, "accept", before=1, after=2, runner=runner)

    def done(self, at: float, job: str, runner: str) -> None:
        self.job(at, job, "success", before=2, after=3, runner=runner)

    def sample(self, at: float, **requests: dict[str, int]) -> None:
        """A look at the server; routes are given with `__` for a space."""
        told = {route.replace("__", " "): counts for route, counts in requests.items()}
        self.samples.append(Sample(at=BEGIN + at, requests=told, runners=frozenset()))

    def suspend(self, invariant: Invariant, begin: float, end: float) -> None:
        span = Span(begin=BEGIN + begin, end=BEGIN + end)
        self.suspensions.append(Suspension(invariants=frozenset({invariant}), because="a test", span=span))

    def history(self, end: float = 600.0, *, audited: bool = True) -> History:
        return History(
            namespace=NAMESPACE,
            operator=OPERATOR,
            begin=BEGIN,
            end=BEGIN + end,
            versions=tuple(self.versions),
            calls=tuple(self.calls) if audited else None,
            samples=(*self.samples, replace(self.samples[-1], at=BEGIN + end)) if self.samples else (),
            steps=tuple(self.steps),
            faults=tuple(self.faults),
            suspensions=tuple(self.suspensions),
            steady=tuple(self.steady),
            secrets=self.secrets,
            texts=tuple(self.texts),
        )
