"""The types of a `TranscodingRunnerPool`: what its author asks for, with every default filled in.

The CRD (crds/transcodingrunnerpools.yaml) is the judge of what is allowed; these types accept and default the same
objects, and a test proves it. Field names are those of the resource in snake case.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class _Model(BaseModel):
    """Frozen, in camel case outside; unknown fields are ignored, so that a newer CRD does not break an older operator."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, strict=True)


class LookAhead(StrEnum):
    """What to make of children that wait for a job now in work."""

    OFF = "Off"
    HOLD = "Hold"


class DeletionPolicy(StrEnum):
    """What becomes of the jobs in hand when the pool itself is deleted."""

    DRAIN = "Drain"
    ABORT = "Abort"


class SecretRef(_Model):
    """A Secret in the pool's own namespace."""

    name: str


class Server(_Model):
    """The PeerTube instance.

    Attributes:
        url: Public origin, and the server's identity: scheme, host and port only.
        internal_url: Origin that the operator calls instead; it still sends `url`'s host as Host header, since PeerTube
            hands out client credentials under its public name only.
        credentials_ref: Secret with `url`, `username` and `password` of an administrator.
    """

    url: str
    internal_url: str | None = None
    credentials_ref: SecretRef


class Scaling(_Model):
    """How many pods. `idle_seconds`: how long a pod's slots stay idle before it goes."""

    min_replicas: int = 0
    max_replicas: int
    idle_slots: int = 0
    idle_seconds: int = 300
    look_ahead: LookAhead = Field(default=LookAhead.HOLD, strict=False)


class Ffmpeg(_Model):
    """`threads`: per FFmpeg process; Auto = CPU limit (or request, or node) ÷ concurrency, at least 1."""

    threads: int | Literal["Auto"] = "Auto"
    nice: int = 10


class Resources(_Model):
    """Kubernetes resource quantities, passed on as they are (extended resources too)."""

    requests: dict[str, str | int] = Field(default_factory=dict)
    limits: dict[str, str | int] = Field(default_factory=dict)


class Scratch(_Model):
    """The work space of the runner: an `emptyDir` of this size limit."""

    size: str = "50Gi"


class Runner(_Model):
    """What a runner pod looks like. `image` None means the operator's own release."""

    image: str | None = None
    concurrency: int = 1
    ffmpeg: Ffmpeg = Field(default_factory=Ffmpeg)
    resources: Resources = Field(default_factory=Resources)
    scratch: Scratch = Field(default_factory=Scratch)


class Lifecycle(_Model):
    """How pods end. Units are in the names; `eviction_grace_seconds` is the pod's grace period."""

    drain_timeout_seconds: int = 21600
    eviction_grace_seconds: int = 600
    deletion_policy: DeletionPolicy = Field(default=DeletionPolicy.DRAIN, strict=False)


class EnvVar(_Model):
    """A literal environment variable of the runner container."""

    name: str
    value: str = ""


class PodTemplate(_Model):
    """The closed list of what a pool's author may set on the pod. Structures are Kubernetes' own, passed on as they are."""

    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[dict[str, Any]] = Field(default_factory=list)
    affinity: dict[str, Any] | None = None
    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=list)
    priority_class_name: str | None = None
    runtime_class_name: str | None = None
    image_pull_secrets: list[SecretRef] = Field(default_factory=list)
    host_aliases: list[dict[str, Any]] = Field(default_factory=list)
    dns_config: dict[str, Any] | None = None
    env: list[EnvVar] = Field(default_factory=list)


class PoolSpec(_Model):
    """`spec` of the resource."""

    server: Server
    job_types: tuple[str, ...] = Field(strict=False)
    scaling: Scaling
    runner: Runner = Field(default_factory=Runner)
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)
    pod_template: PodTemplate = Field(default_factory=PodTemplate)


class Pool(_Model):
    """One pool: its identity and what it asks for.

    Attributes:
        deleting: `metadata.deletionTimestamp` is set.
        has_finalizer: Our own finalizer is on it.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str
    deleting: bool = False
    has_finalizer: bool = False
    spec: PoolSpec
