"""What the types of the resource have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from runnerpool.api.bounds import ObjectName


class Model(BaseModel):
    """Frozen, camel case outside; unknown fields are ignored, so that a newer CRD does not break an older operator."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, strict=True)


class SecretRef(Model):
    """A Secret in the pool's own namespace."""

    name: ObjectName
