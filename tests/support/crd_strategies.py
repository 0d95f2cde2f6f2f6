"""Hypothesis strategies for objects of the resource, made from its schema."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from support.crd import Schema, schema_of

# Kubernetes' own structures: typed in the CRD, passed on by the operator as they are.
PASSED_ON = ("tolerations", "affinity", "topologySpreadConstraints", "hostAliases", "dnsConfig")
# What may stand in the place of any value.
JUNK = [
    -1,
    0,
    10**10,
    1.0,
    0.5,
    True,
    "",
    "x",
    "Auto",
    "x" * 40000,
    [],
    ["a", "a"],
    {},
    {"a": "b"},
    {str(n): "1" for n in range(65)},
]

_ORIGINS = st.sampled_from(["https://video.example.org", "http://10.88.0.1:9000", "http://[::1]:1", "https://x:65535"])
_QUANTITIES = st.sampled_from([0, 1, 16, "0", "500m", "1.5", "2Gi", ".5", "1e3", "100Gi", "1."])
_KEYS = st.sampled_from(["a", "example.org/b", "cpu", "memory", "nvidia.com/gpu"])
_NAMES = st.sampled_from(["a", "peertube-admin", "x" * 253, "a.b-c"])
_PATTERNS = {
    "^Auto$": st.just("Auto") | st.integers(1, 1024),
    "^[-._a-zA-Z0-9]+$": st.sampled_from(["ca.crt", "A_b-1", "x" * 253]),
    "^[!-~]+$": st.sampled_from(["registry.example.org/runner:1", "x" * 512]),
    "^[A-Za-z_][A-Za-z0-9_]*$": st.sampled_from(["A", "_b1", "X" * 253]),
}


def values(schema: Schema, name: str = "") -> st.SearchStrategy[Any]:
    """Values that the schema accepts, bounds among them."""
    if name.lower().endswith("url"):
        return _ORIGINS
    if schema.get("pattern") in _PATTERNS:
        return _PATTERNS[schema["pattern"]]
    if schema.get("x-kubernetes-int-or-string"):
        return _QUANTITIES
    if "pattern" in schema:
        return _NAMES
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _plain(schema)


def _plain(schema: Schema) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "object" if "additionalProperties" in schema:
            most = min(3, schema["maxProperties"])
            return st.dictionaries(_KEYS, values(schema["additionalProperties"]), max_size=most)
        case "object":
            return objects(schema)
        case "array":
            return _lists(schema)
        case "integer":
            bounds = st.sampled_from([schema["minimum"], schema["maximum"]])
            return bounds | st.integers(schema["minimum"], schema["maximum"])
        case _:
            return st.text(min_size=schema.get("minLength", 0), max_size=min(12, schema["maxLength"]))


def _lists(schema: Schema) -> st.SearchStrategy[Any]:
    keys = schema.get("x-kubernetes-list-map-keys")
    unique = None if schema["x-kubernetes-list-type"] == "atomic" else (lambda item: item[keys[0]] if keys else item)
    least, most = schema.get("minItems", 0), min(3, schema["maxItems"])
    items = values(schema["items"])
    if unique is None:
        return st.lists(items, min_size=least, max_size=most)
    return st.lists(items, min_size=least, max_size=most, unique_by=unique)


def objects(schema: Schema) -> st.SearchStrategy[dict[str, Any]]:
    properties = {name: values(inner, name) for name, inner in schema["properties"].items()}
    required = {name: properties.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=properties)


def _within_the_rules(spec: dict[str, Any]) -> dict[str, Any]:
    """What CEL refuses is put right: bounds in order, live alone and warm, no request or threads beside a limit."""
    scaling = spec["scaling"]
    scaling["minReplicas"] = min(scaling.get("minReplicas", 0), scaling["maxReplicas"])
    if "live-rtmp-hls-transcoding" in spec["jobTypes"]:
        spec["jobTypes"] = ["live-rtmp-hls-transcoding"]
        scaling["idleSlots"] = max(1, scaling.get("idleSlots", 0))
    resources = spec.get("runner", {}).get("resources", {})
    if "limits" in resources:
        resources.pop("requests", None)
        spec["runner"].get("ffmpeg", {}).pop("threads", None)
    rollout = spec.get("rollout", {})
    if rollout.get("maxSurge") == 0 and not rollout.get("maxUnavailable"):
        rollout["maxUnavailable"] = 1
    return spec


specs: st.SearchStrategy[dict[str, Any]] = objects(schema_of("spec")).map(_within_the_rules)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of everything in a value."""
    inner: Any = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in places(below, (*path, key)))]


def put(value: Any, place: tuple[str | int, ...], new: Any) -> Any:
    """The value, changed at one place."""
    inner = value
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = new
    return value
