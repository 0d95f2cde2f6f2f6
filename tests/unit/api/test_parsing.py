from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.parsing import SpecInvalid, parse_doomed, parse_pool
from runnerpool.api.pool import DeletionPolicy, LookAhead
from support.builders import make_pool, pool_body, spec_body
from support.pool_cases.good import GOOD_SPECS
from support.pool_cases.table import BAD_POOLS


def errors_of(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SpecInvalid) as caught:
        parse_pool(body)
    return {error.path: error.message for error in caught.value.errors}


@pytest.mark.parametrize("bad", BAD_POOLS, ids=str)
def test_a_bad_pool_is_refused_with_the_path_and_the_remedy(bad):
    errors = errors_of(pool_body(bad.spec, **(bad.metadata or {})))

    assert list(errors) == [bad.path]
    assert bad.told in errors[bad.path]


@pytest.mark.parametrize("spec", GOOD_SPECS.values(), ids=GOOD_SPECS.keys())
def test_a_good_pool_is_read(spec):
    parse_pool(pool_body(spec))


def test_every_fault_is_told_at_once():
    body = pool_body(
        spec_body(
            server={"url": "video.example.org", "credentialsRef": {}},
            jobTypes=["nonsense"],
            scaling={"minReplicas": 5, "maxReplicas": 4},
            runner={"concurrency": 0, "ffmpeg": {"threads": True}},
        ),
        name="x" * 41,
    )

    assert errors_of(body).keys() == {
        "metadata.name",
        "spec.server.url",
        "spec.server.credentialsRef.name",
        "spec.jobTypes[0]",
        "spec.scaling",
        "spec.runner.concurrency",
        "spec.runner.ffmpeg.threads",
    }


def test_the_error_reads_as_one_line_for_people():
    with pytest.raises(SpecInvalid, match=r"^spec\.scaling: minReplicas must not .*; spec\.runner\.concurrency: "):
        parse_pool(pool_body(spec_body(scaling={"minReplicas": 5, "maxReplicas": 4}, runner={"concurrency": 0})))


def test_a_password_in_a_url_is_not_repeated_anywhere():
    body = pool_body(spec_body(server={"url": "https://root:hunter2@video.example.org"}))

    with pytest.raises(SpecInvalid) as caught:
        parse_pool(body)

    assert "hunter2" not in f"{caught.value!s} {caught.value!r} {caught.value.errors} {caught.value.__cause__}"


def test_defaults_are_filled_in():
    spec = parse_pool(pool_body()).spec

    assert (spec.scaling.min_replicas, spec.scaling.idle_slots, spec.scaling.idle_seconds) == (0, 0, 300)
    assert spec.scaling.look_ahead is LookAhead.HOLD
    assert (spec.runner.image, spec.runner.concurrency, spec.runner.scratch.size) == (None, 1, "50Gi")
    assert (spec.runner.ffmpeg.threads, spec.runner.ffmpeg.nice) == ("Auto", 10)
    assert (spec.lifecycle.drain_timeout_seconds, spec.lifecycle.eviction_grace_seconds) == (21600, 600)
    assert spec.lifecycle.deletion_policy is DeletionPolicy.DRAIN


def test_fields_of_a_newer_version_are_ignored():
    newer = spec_body(scaling={"burst": 3}, future={"a": 1})

    assert parse_pool(pool_body(newer)) == parse_pool(pool_body())


def test_identity_is_read_from_the_metadata():
    pool = parse_pool(pool_body(generation=7, resourceVersion="42", deletionTimestamp="2026-11-23T12:00:00Z"))

    assert (pool.namespace, pool.name, pool.generation, pool.resource_version) == ("media", "vod", 7, "42")
    assert (pool.deleting, pool.has_finalizer) == (True, True)


def test_another_finalizer_is_not_ours():
    pool = parse_pool(pool_body(finalizers=["example.org/other"]))

    assert (pool.deleting, pool.has_finalizer) == (False, False)


def test_a_pool_that_is_deleted_without_its_dependents_is_seen_as_such():
    assert parse_pool(pool_body(finalizers=["orphan"])).orphaning is True
    assert parse_pool(pool_body()).orphaning is False


def test_no_finalizers_at_all_are_read_as_none():
    assert parse_pool(pool_body(finalizers=None)).has_finalizer is False


@pytest.mark.parametrize("body", [{}, {"metadata": None}, {"metadata": [], "spec": []}, {"spec": "x"}])
def test_what_is_no_pool_at_all_is_refused_like_any_other(body):
    assert "metadata.name" in errors_of(body)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["server", "jobTypes", "scaling", "runner", "lifecycle", "podTemplate"]), _JSON))
def test_parsing_raises_nothing_but_what_it_says(parts):
    with suppress(SpecInvalid):
        parse_pool(pool_body(spec_body() | parts))


def test_a_pool_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        make_pool().name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("spec", [None, [], {"server": None}, {"server": {"url": "video.example.org"}}])
def test_a_pool_to_be_wound_up_needs_no_spec_that_can_be_read(spec):
    doomed = parse_doomed(pool_body() | {"spec": spec})

    assert (doomed.name, doomed.spec.scaling.max_replicas) == ("vod", 0)
    assert doomed.spec.server.url == "https://unknown.invalid"


def test_a_pool_to_be_wound_up_keeps_the_server_that_it_names():
    doomed = parse_doomed(pool_body(spec_body(jobTypes=["nonsense"])))

    assert doomed.spec.server.url == "https://video.example.org"
    assert doomed.spec.scaling.max_replicas == 0
