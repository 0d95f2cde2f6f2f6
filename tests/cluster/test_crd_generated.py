"""The operator's types against a real API server, which alone judges CEL: generated pools, good and broken.

The same without a cluster, where the schema alone judges: tests/unit/api/test_crd_agreement.py.
"""

from copy import deepcopy
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runnerpool.api import names, quantity
from runnerpool.api.parsing import SpecInvalid, parse_pool
from support.builders import pool_body, spec_body
from support.crd import schema_of, with_defaults
from support.crd_strategies import JUNK, PASSED_ON, places, put, specs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_POOLS = f"/apis/{names.API_VERSION}/namespaces/default/{names.PLURAL}"
# Each example is one request; a shared fixture is fine, as nothing is stored.
_SAMPLE = settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


def dry_run(api: httpx.Client, spec: dict[str, Any]) -> httpx.Response:
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "vod", "namespace": "default"},
        "spec": spec,
    }
    # Unknown fields are pruned, as the types ignore them.
    return api.post(_POOLS, json=body, params={"dryRun": "All", "fieldValidation": "Ignore"})


def accepted(spec: dict[str, Any]) -> bool:
    try:
        parse_pool(pool_body(spec))
    except SpecInvalid:
        return False
    return True


@_SAMPLE
@given(spec=specs)
def test_a_real_api_server_accepts_and_defaults_what_the_types_do(api: httpx.Client, spec: dict[str, Any]) -> None:
    answer = dry_run(api, spec)

    assert answer.status_code == 201, answer.json()["message"]
    stored = answer.json()["spec"]
    assert stored == with_defaults(schema_of("spec"), spec)
    assert parse_pool(pool_body(stored)) == parse_pool(pool_body(spec))


@_SAMPLE
@given(spec=specs, data=st.data())
def test_a_real_api_server_and_the_types_refuse_the_same(
    api: httpx.Client, spec: dict[str, Any], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from([place for place in places(spec) if place]))
    assume(not any(part in PASSED_ON for part in place))
    broken = put(deepcopy(spec), place, data.draw(st.sampled_from(JUNK)))

    answer = dry_run(api, broken)

    assert answer.status_code in {201, 400, 422}
    if answer.status_code == 201:  # what is stored is what counts: 1.0 becomes 1
        assert accepted(answer.json()["spec"])
    else:
        assert not accepted(broken), answer.json()["message"]


# Of exabytes that no 64 bits can count, the API server makes this or that, depending on how they are written.
_COUNTABLE = 2**63
_QUANTITIES = st.from_regex(quantity.PATTERN, fullmatch=True, alphabet=st.characters(codec="ascii")).filter(
    lambda text: len(text) <= quantity.MAX_LENGTH and quantity.parse_quantity(text) < _COUNTABLE
)
_CPUS = st.integers(0, 16_000).map(lambda number: f"{number}m") | st.integers(0, 16) | _QUANTITIES


@_SAMPLE
@given(request=_QUANTITIES, limit=_QUANTITIES)
def test_a_real_api_server_and_the_types_compare_quantities_alike(api: httpx.Client, request: str, limit: str) -> None:
    spec = spec_body(runner={"resources": {"requests": {"memory": request}, "limits": {"memory": limit}}})

    assert accepted(spec) == (dry_run(api, spec).status_code == 201)


@_SAMPLE
@given(threads=st.integers(1, 64), concurrency=st.integers(1, 32), cpu=_CPUS)
def test_a_real_api_server_and_the_types_judge_threads_alike(
    api: httpx.Client, threads: int, concurrency: int, cpu: int | str
) -> None:
    runner = {"concurrency": concurrency, "ffmpeg": {"threads": threads}, "resources": {"limits": {"cpu": cpu}}}
    spec = spec_body(runner=runner)

    assert accepted(spec) == (dry_run(api, spec).status_code == 201)


@_SAMPLE
@given(spec=specs, data=st.data())
def test_what_a_real_api_server_makes_of_a_null_the_types_read(
    api: httpx.Client, spec: dict[str, Any], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from([place for place in places(spec) if place]))

    answer = dry_run(api, put(deepcopy(spec), place, None))

    if answer.status_code == 201:
        assert accepted(answer.json()["spec"])
