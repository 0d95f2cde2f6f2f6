"""The types of a `TranscodingRunnerPool`: what its author asks for, with every default filled in.

The CRD (crds/transcodingrunnerpools.yaml) is the judge of what is allowed; these types accept and default the same
objects, and a test proves it. Field names are those of the resource in snake case.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from runnerpool.api.bounds import (
    MAX_THREADS_PER_CPU,
    Count,
    Image,
    JobTypes,
    ObjectName,
    PoolName,
    Quantity,
    SecretKey,
    Threads,
    Url,
)
from runnerpool.api.job_types import JobType
from runnerpool.api.model import Model, SecretRef
from runnerpool.api.pod_template import PodTemplate
from runnerpool.api.quantity import parse_quantity


class LookAhead(StrEnum):
    """What to make of children that wait for a job now in work."""

    OFF = "Off"
    HOLD = "Hold"


class DeletionPolicy(StrEnum):
    """What becomes of the jobs in hand when the pool itself is deleted."""

    DRAIN = "Drain"
    ABORT = "Abort"


class Mode(StrEnum):
    """Whether the pool works."""

    ACTIVE = "Active"
    HOLD = "Hold"
    """Make no pod and tell none to go; runners go on."""
    DRAIN = "Drain"
    """Take nothing more, finish what is in hand, go to no pod at all."""


class LostPods(StrEnum):
    """What becomes of pods on a node that answers no more."""

    KEEP = "Keep"
    """They stay until the node is back or gone: nobody can know that they do not run."""
    FORCE_DELETE = "ForceDelete"
    """They are deleted by force as soon as they are replaced."""


class JobTypeFilter(StrEnum):
    """What to do about a server older than 7.0, which hands any job to any runner."""

    REQUIRE = "Require"
    BEST_EFFORT = "BestEffort"


class PoisonJobs(StrEnum):
    """What becomes of jobs that end their runners, one after the other."""

    QUARANTINE = "Quarantine"
    """They count as demand no more, and are named."""
    CANCEL = "Cancel"
    """They are cancelled on the server as well."""


class StuckJobs(StrEnum):
    """What becomes of jobs that the server has lost sight of."""

    REPORT = "Report"
    DRY_RUN = "DryRun"
    """What a repair would do is told, once for each job."""
    REPAIR = "Repair"


class CaBundleRef(Model):
    """A Secret in the pool's own namespace, and the key in it under which certificates in PEM stand."""

    name: ObjectName
    key: SecretKey = "ca.crt"


class Server(Model):
    """The PeerTube instance.

    Attributes:
        url: Public origin, and the server's identity: scheme, host and port only.
        internal_url: Origin that the operator calls instead; it still sends `url`'s host as Host header, since PeerTube
            hands out client credentials under its public name only.
        ca_bundle_ref: Authorities to trust besides the public ones: for the operator, and for everything in the pods.
        credentials_ref: Secret with `url`, `username` and `password` of an administrator.
    """

    url: Url
    internal_url: Url | None = None
    ca_bundle_ref: CaBundleRef | None = None
    credentials_ref: SecretRef


class Scaling(Model):
    """How many pods. `idle_seconds`: how long a pod's slots stay idle before it goes."""

    min_replicas: Count = 0
    max_replicas: Count
    idle_slots: Count = 0
    idle_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    look_ahead: LookAhead = Field(default=LookAhead.HOLD, strict=False)

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas must not be greater than maxReplicas; raise maxReplicas or lower minReplicas")
        return self


class Ffmpeg(Model):
    """`threads`: per FFmpeg process; Auto = CPU limit (or request, or node) ÷ concurrency, at least 1."""

    threads: Threads = "Auto"
    nice: Annotated[int, Field(ge=0, le=19)] = 10


class Resources(Model):
    """Kubernetes resource quantities, passed on as they are (extended resources too)."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=16)
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=16)

    @model_validator(mode="after")
    def _requests_fit_limits(self) -> Self:
        for name, request in self.requests.items():
            limit = self.limits.get(name)
            if limit is not None and parse_quantity(request) > parse_quantity(limit):
                raise ValueError("no request may be greater than its limit; lower the request or raise the limit")
        return self


class Scratch(Model):
    """The work space of the runner: an `emptyDir` of this size limit."""

    size: Quantity = "50Gi"


class Runner(Model):
    """What a runner pod looks like. `image` None means the operator's own release."""

    image: Image | None = None
    concurrency: Annotated[int, Field(ge=1, le=32)] = 1
    ffmpeg: Ffmpeg = Field(default_factory=Ffmpeg)
    resources: Resources = Field(default_factory=Resources)
    scratch: Scratch = Field(default_factory=Scratch)

    @model_validator(mode="after")
    def _threads_fit_cpu(self) -> Self:
        cpu = self.resources.limits.get("cpu")
        if cpu is None or self.ffmpeg.threads == "Auto":
            return self
        if self.ffmpeg.threads * self.concurrency > max(parse_quantity(cpu), Decimal(1)) * MAX_THREADS_PER_CPU:
            raise ValueError(
                f"ffmpeg.threads times concurrency must not exceed {MAX_THREADS_PER_CPU} times resources.limits.cpu; "
                "lower one of them, raise the limit, or use threads: Auto"
            )
        return self


class Rollout(Model):
    """How pods are replaced when their settings change.

    Attributes:
        max_surge: Pods above `scaling.maxReplicas`, and above the target, that a rollout may add for a while.
        max_unavailable: Ready pods below the target that it may do without.
    """

    max_surge: Count = 1
    max_unavailable: Count = 0

    @model_validator(mode="after")
    def _can_move(self) -> Self:
        if self.max_surge == self.max_unavailable == 0:
            raise ValueError("maxSurge and maxUnavailable must not both be 0; a rollout could replace nothing")
        return self


class Lifecycle(Model):
    """How pods begin, are judged, and end. Units are in the names.

    Attributes:
        eviction_grace_seconds: The pod's grace period.
        startup_deadline_seconds: From being scheduled to the agent's first good answer.
        unready_tolerance_seconds: Not ready for longer: replaced.
        deaf_tolerance_seconds: Idle while matching jobs are pending for longer: the runner is restarted, or replaced.
        stall_tolerance_seconds: A job in hand, and neither progress nor CPU time nor bytes for longer: hung.
        max_unhealthy_percent: With more of the pool's pods sick at once (and at least 3), the fault is taken to be
            elsewhere.
    """

    drain_timeout_seconds: Annotated[int, Field(ge=0, le=604800)] = 21600
    eviction_grace_seconds: Annotated[int, Field(ge=1, le=604800)] = 600
    startup_deadline_seconds: Annotated[int, Field(ge=10, le=3600)] = 300
    unready_tolerance_seconds: Annotated[int, Field(ge=5, le=86400)] = 60
    deaf_tolerance_seconds: Annotated[int, Field(ge=10, le=86400)] = 120
    stall_tolerance_seconds: Annotated[int, Field(ge=30, le=86400)] = 600
    max_unhealthy_percent: Annotated[int, Field(ge=0, le=100)] = 50
    lost_pods: LostPods = Field(default=LostPods.KEEP, strict=False)
    deletion_policy: DeletionPolicy = Field(default=DeletionPolicy.DRAIN, strict=False)


class Repair(Model):
    """What may be done to jobs on the server.

    Attributes:
        stuck_after_seconds: How long the server may take a result in before the job counts as stuck.
    """

    poison_jobs: PoisonJobs = Field(default=PoisonJobs.QUARANTINE, strict=False)
    stuck_jobs: StuckJobs = Field(default=StuckJobs.REPORT, strict=False)
    stuck_after_seconds: Annotated[int, Field(ge=60, le=604800)] = 3600


class PoolSpec(Model):
    """`spec` of the resource."""

    server: Server
    job_types: JobTypes
    job_type_filter: JobTypeFilter = Field(default=JobTypeFilter.REQUIRE, strict=False)
    mode: Mode = Field(default=Mode.ACTIVE, strict=False)
    scaling: Scaling
    runner: Runner = Field(default_factory=Runner)
    rollout: Rollout = Field(default_factory=Rollout)
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    repair: Repair = Field(default_factory=Repair)
    pod_template: PodTemplate = Field(default_factory=PodTemplate)

    @model_validator(mode="after")
    def _job_types_go_together(self) -> Self:
        if JobType.LIVE not in self.job_types:
            return self
        if len(self.job_types) > 1:
            raise ValueError(
                f"{JobType.LIVE} must be alone in jobTypes; make a pool of its own for it, so that a live stream "
                "never waits behind a file"
            )
        if self.scaling.idle_slots < 1:
            raise ValueError(
                f"scaling.idleSlots must be at least 1 for {JobType.LIVE}; a live stream does not wait for a pod"
            )
        return self


class Pool(Model):
    """One pool: its identity and what it asks for.

    Attributes:
        deleting_since: `metadata.deletionTimestamp`; None unless it is being deleted.
        has_finalizer: Our own finalizer is on it.
        orphaning: Whoever deletes it wants its pods left as they are (`--cascade=orphan`).
        override: Value of the annotation `runnerpool.dev/override`; None if absent.
    """

    namespace: str
    name: PoolName
    uid: str
    generation: int
    resource_version: str
    deleting_since: datetime | None = None
    has_finalizer: bool = False
    orphaning: bool = False
    override: str | None = None
    spec: PoolSpec

    @property
    def deleting(self) -> bool:
        """It is being deleted."""
        return self.deleting_since is not None
