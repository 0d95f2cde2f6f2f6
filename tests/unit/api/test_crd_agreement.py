"""The resource's schema and the operator's types say the same. A real API server judges: tests/cluster/test_crd.py."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from runnerpool.api import bounds, names, ownership, quantity
from runnerpool.api.conditions import MAX_MESSAGE_LENGTH, ConditionType
from runnerpool.api.job_types import JOB_TYPES
from runnerpool.api.parsing import SpecInvalid, parse_pool
from runnerpool.api.pod_template import PodTemplate
from runnerpool.api.pool import PoolSpec
from runnerpool.planning.naming import MAX_ORDINAL
from support.builders import pool_body
from support.crd import crd, faults, fields, root_schema, schema_of, version, with_defaults
from support.crd_strategies import JUNK, PASSED_ON, places, put, specs

pytestmark = pytest.mark.timeout(300)

SPEC = schema_of("spec")


def parsed(spec: dict[str, Any]) -> Any:
    return parse_pool(pool_body(spec))


@given(specs)
def test_what_the_schema_accepts_the_types_accept_and_default_alike(spec):
    assert faults(SPEC, spec) == []

    assert parsed(spec) == parsed(with_defaults(SPEC, spec))


@given(specs, st.data())
def test_what_the_schema_refuses_the_types_refuse(spec, data):
    place = data.draw(
        st.sampled_from([place for place in places(spec) if place and place[-1] not in {"url", "internalUrl"}])
    )
    assume(not any(part in PASSED_ON for part in place))
    broken = put(deepcopy(spec), place, data.draw(st.sampled_from(JUNK)))

    try:
        parsed(broken)
    except SpecInvalid as invalid:
        refused = {error.path for error in invalid.errors}
    else:
        refused = set()

    if faults(SPEC, with_defaults(SPEC, broken)):
        assert refused
    else:
        # Then it can only be a rule across fields, which the CRD writes in CEL.
        assert refused <= {
            "spec",
            "spec.scaling",
            "spec.runner",
            "spec.runner.resources",
            "spec.rollout",
            "spec.podTemplate",
        }


@given(specs, st.data())
def test_without_a_required_field_both_refuse(spec, data):
    place = data.draw(
        st.sampled_from([("server",), ("jobTypes",), ("scaling",), ("scaling", "maxReplicas"), ("server", "url")])
    )
    inner: Any = spec
    for part in place[:-1]:
        inner = inner[part]
    del inner[place[-1]]

    assert faults(SPEC, spec) == [".".join(place)]
    with pytest.raises(SpecInvalid):
        parsed(spec)


def types_fields(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    for field in model.model_fields.values():
        here = f"{path}.{field.alias}".removeprefix(".")
        yield here, field
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                listed = "[]" if str(field.annotation).startswith("list") else ""
                yield from types_fields(kind, here + listed)


def test_schema_and_types_have_the_same_fields():
    in_types = {path for path, _ in types_fields(PoolSpec)}
    in_schema = {
        path
        for path, _ in fields(SPEC)
        if not path.endswith(("[]", "{}"))
        and not any(f"podTemplate.{name}." in path or f".{name}[]" in path for name in PASSED_ON)
    }

    assert in_types == in_schema


def test_schema_and_types_require_the_same_fields():
    required = {path for path, field in types_fields(PoolSpec) if field.is_required()}

    for path, field in fields(SPEC):
        for name in field.get("required", ()):
            inner = f"{path}.{name}"
            if not any(part in path for part in PASSED_ON):
                assert inner in required
                required.discard(inner)
    assert required == set(SPEC["required"])


def test_schema_and_types_have_the_same_defaults():
    model = parsed(
        {
            "server": {"url": "https://a", "credentialsRef": {"name": "b"}, "caBundleRef": {"name": "c"}},
            "jobTypes": [JOB_TYPES[0]],
            "scaling": {"maxReplicas": 1},
        }
    )
    dumped = model.spec.model_dump(mode="json", by_alias=True)
    seen = 0
    for path, field in fields(SPEC):
        if "default" in field and not isinstance(field["default"], dict) and "[]" not in path:
            value: Any = dumped
            for part in path.split("."):
                value = value[part]
            assert value == field["default"], path
            seen += 1
    assert seen == 25


def test_the_default_of_an_environment_variable_is_nothing():
    value = PodTemplate.model_validate({"env": [{"name": "A"}]}).env[0].value

    assert value == dict(fields(SPEC))["podTemplate.env[].value"]["default"] != PydanticUndefined


def test_every_field_is_bounded():
    for path, field in fields(root_schema()):
        if path == "metadata" or path.endswith("observedGeneration"):
            continue
        kind = field.get("type", "int-or-string")
        match kind:
            case "string":
                bounded = "enum" in field or "maxLength" in field
            case "integer":
                bounded = {"minimum", "maximum", "format"} <= field.keys()
            case "array":
                bounded = {"maxItems", "x-kubernetes-list-type"} <= field.keys()
            case "object":
                bounded = "properties" in field or "maxProperties" in field
            case "int-or-string":
                bounded = {"minimum", "maxLength", "pattern"} <= field.keys()
            case _:
                bounded = kind == "boolean"
        assert bounded, f"{path} has no bound"


def test_every_field_is_described_in_a_sentence():
    for path, field in fields(root_schema()):
        if path == "metadata" or path.endswith(("[]", "{}")):
            continue
        assert field.get("description", "").rstrip().endswith((".", '".')), path


def test_no_reference_leaves_the_namespace():
    assert not [path for path, _ in fields(SPEC) if "Ref." in path and path.endswith("namespace")]


def test_every_rule_tells_what_to_do():
    rules = [rule for _, field in fields(root_schema()) for rule in field.get("x-kubernetes-validations", ())]

    assert len(rules) >= 15
    assert all(len(rule["message"]) > 30 for rule in rules)


def test_names_and_bounds_are_the_operators():
    spec = crd()["spec"]

    assert spec["group"] == names.GROUP
    assert spec["names"]["kind"] == names.KIND
    assert spec["names"]["plural"] == names.PLURAL
    assert spec["names"]["shortNames"] == ["trp"]
    assert version()["name"] == names.VERSION
    assert crd()["metadata"]["name"] == f"{names.PLURAL}.{names.GROUP}"
    assert crd()["metadata"]["labels"] == {"app.kubernetes.io/part-of": "runnerpool"}
    by_path = dict(fields(root_schema()))
    assert tuple(by_path["spec.jobTypes[]"]["enum"]) == JOB_TYPES
    assert by_path["spec.scaling.maxReplicas"]["maximum"] == bounds.MAX_REPLICAS
    assert by_path["status.reserved"]["maxItems"] == bounds.MAX_REPLICAS
    assert by_path["spec.runner.scratch.size"]["pattern"] == quantity.PATTERN
    assert by_path["spec.runner.scratch.size"]["maxLength"] == quantity.MAX_LENGTH
    assert by_path["status.lastOrdinal"]["maximum"] == MAX_ORDINAL
    assert by_path["status.lastDecision.message"]["maxLength"] == MAX_MESSAGE_LENGTH
    assert f"<= {names.MAX_POOL_NAME_LENGTH}" in root_schema()["x-kubernetes-validations"][0]["rule"]
    assert all(str(kind) in by_path["status.conditions[].type"]["description"] for kind in ConditionType)
    assert ownership.MAX_LENGTH == 1000


def test_there_is_a_status_and_no_scale():
    assert version()["subresources"] == {"status": {}}
