"""What a pool's author may set on the runner pods: labels, placement, environment and the like."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from runnerpool.api.bounds import AnnotationValue, EnvName, LabelValue, ObjectName
from runnerpool.api.model import Model, SecretRef
from runnerpool.api.names import GROUP, LABEL_MANAGED_BY


class EnvVar(Model):
    """A literal environment variable of the runner container."""

    name: EnvName
    value: Annotated[str, Field(max_length=32768)] = ""


class PodTemplate(Model):
    """The closed list of what a pool's author may set on the pod.

    Structures that are Kubernetes' own are passed on as they are; the CRD and, when the pod is made, the API server
    judge them.
    """

    labels: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    annotations: dict[str, AnnotationValue] = Field(default_factory=dict, max_length=32)
    node_selector: dict[str, LabelValue] = Field(default_factory=dict, max_length=32)
    tolerations: list[dict[str, Any]] = Field(default_factory=list, max_length=32)
    affinity: dict[str, Any] | None = None
    topology_spread_constraints: list[dict[str, Any]] = Field(default_factory=list, max_length=8)
    priority_class_name: ObjectName | None = None
    runtime_class_name: ObjectName | None = None
    image_pull_secrets: list[SecretRef] = Field(default_factory=list, max_length=8)
    host_aliases: list[dict[str, Any]] = Field(default_factory=list, max_length=16)
    dns_config: dict[str, Any] | None = None
    env: list[EnvVar] = Field(default_factory=list, max_length=64)

    @model_validator(mode="after")
    def _marks_are_ours(self) -> Self:
        if any(is_reserved_key(key) for key in (*self.labels, *self.annotations)):
            raise ValueError(
                "labels and annotations must not use runnerpool.dev/… or app.kubernetes.io/managed-by; the operator "
                "finds its pods by them"
            )
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for field, names in (("env", self.env), ("imagePullSecrets", self.image_pull_secrets)):
            if len({item.name for item in names}) < len(names):
                raise ValueError(f"{field} must not name anything twice")
        return self


def is_reserved_key(key: str) -> bool:
    """Whether a label or annotation belongs to the operator."""
    return key == LABEL_MANAGED_BY or key.startswith(f"{GROUP}/")
