"""A pool against the CRD's schema, as the API server would judge it but for CEL rules. Unknown fields are faults."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it brings no types
import yaml


def complaints(crd: str, pool: dict[str, Any]) -> list[str]:
    """What is wrong with a pool; empty if nothing."""
    [version] = yaml.safe_load(crd)["spec"]["versions"]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    schema["properties"].pop("metadata", None)
    body = {name: value for name, value in pool.items() if name != "metadata"}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(body)]


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its fields made all that there may be: the API server prunes others without a word."""
    closed = dict(schema)
    if "properties" in schema:
        closed["properties"] = {name: _closed(child) for name, child in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        closed["additionalProperties"] = _closed(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        closed["items"] = _closed(schema["items"])
    return closed
