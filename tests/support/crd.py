"""The resource's schema, read as the API server reads it: defaults, then faults. Only it can judge CEL rules.

What is read here is the part of OpenAPI that structural schemas have, with Kubernetes' int-or-string and list types.
"""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CRD_FILE = Path(__file__).parents[2] / "crds" / "transcodingrunnerpools.yaml"

Schema = Mapping[str, Any]


@cache
def crd() -> Mapping[str, Any]:
    document: Mapping[str, Any] = yaml.safe_load(CRD_FILE.read_text())
    return document


def version() -> Mapping[str, Any]:
    (only,) = crd()["spec"]["versions"]
    served: Mapping[str, Any] = only
    return served


def root_schema() -> Schema:
    schema: Schema = version()["schema"]["openAPIV3Schema"]
    return schema


def schema_of(*path: str) -> Schema:
    schema = root_schema()
    for name in path:
        schema = schema["properties"][name]
    return schema


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every field below a schema, with its path; `[]` for items of a list, `{}` for values of a map."""
    for name, inner in schema.get("properties", {}).items():
        yield f"{path}.{name}".removeprefix("."), inner
        yield from fields(inner, f"{path}.{name}".removeprefix("."))
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield path + mark, schema[key]
            yield from fields(schema[key], path + mark)


def with_defaults(schema: Schema, value: Any) -> Any:
    """The value as the API server stores it."""
    if isinstance(value, Mapping):
        properties = schema.get("properties", {})
        missing = {name: deepcopy(inner["default"]) for name, inner in properties.items() if "default" in inner}
        return {
            name: with_defaults(properties.get(name, schema.get("additionalProperties", {})), inner)
            for name, inner in (missing | dict(value)).items()
        }
    if isinstance(value, list):
        return [with_defaults(schema.get("items", {}), item) for item in value]
    return value


def faults(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Paths of what the schema refuses."""
    if not _has_type(schema, value):
        return [path]
    if isinstance(value, Mapping):
        return _object_faults(schema, value, path)
    if isinstance(value, list):
        return _list_faults(schema, value, path)
    return [] if _scalar_fits(schema, value) else [path]


_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def _has_type(schema: Schema, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    kind = schema["type"]
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _object_faults(schema: Schema, value: Mapping[str, Any], path: str) -> list[str]:
    properties = schema.get("properties", {})
    found = [f"{path}.{name}".removeprefix(".") for name in schema.get("required", ()) if name not in value]
    if len(value) > schema.get("maxProperties", len(value)):
        found.append(path)
    for name, inner in value.items():
        below = properties.get(name, schema.get("additionalProperties"))
        if below is not None:  # what is unknown is pruned
            found += faults(below, inner, f"{path}.{name}".removeprefix("."))
    return found


def _list_faults(schema: Schema, value: list[Any], path: str) -> list[str]:
    found = [fault for index, item in enumerate(value) for fault in faults(schema["items"], item, f"{path}[{index}]")]
    within = schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
    if not within or (not found and _repeats(schema, value)):
        found.append(path)
    return found


def _repeats(schema: Schema, value: list[Any]) -> bool:
    kind = schema["x-kubernetes-list-type"]
    if kind == "atomic":
        return False
    keys = (
        value if kind == "set" else [tuple(item[key] for key in schema["x-kubernetes-list-map-keys"]) for item in value]
    )
    return any(key in keys[:index] for index, key in enumerate(keys))


def _scalar_fits(schema: Schema, value: Any) -> bool:
    if isinstance(value, str):
        fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        pattern = schema.get("pattern")
        fits = fits and (pattern is None or re.search(pattern.replace("$", r"\Z"), value, re.ASCII) is not None)
    else:
        fits = schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return fits and value in schema.get("enum", [value])
