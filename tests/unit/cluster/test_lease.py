"""The Lease's JSON, as it goes over the wire."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import Conflict, NotFound
from runnerpool.cluster.lease import LeaseStore, LeaseTerms, micro_time

PATH = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
TERMS = LeaseTerms(
    holder="a",
    duration_seconds=15,
    transitions=3,
    acquired="2026-11-30T06:00:00.000000Z",
    renewed="2026-11-30T06:00:02.000000Z",
)
SPEC = {
    "holderIdentity": "a",
    "leaseDurationSeconds": 15,
    "leaseTransitions": 3,
    "acquireTime": TERMS.acquired,
    "renewTime": TERMS.renewed,
}


class FakeApi:
    """Answers with one object, or one error."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.calls: list[tuple[str, str, Any]] = []

    async def call(self, verb: str, path: str, *, body: object = None) -> dict[str, Any]:
        self.calls.append((verb, path, body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def store(api: FakeApi) -> LeaseStore:
    return LeaseStore(cast("KubeApi", api), "system", "runnerpool")


async def test_no_lease_is_none() -> None:
    assert await store(FakeApi(NotFound(Reason.NOT_FOUND, ""))).read() is None


async def test_a_lease_is_read_with_what_a_write_is_bound_to() -> None:
    api = FakeApi({"metadata": {"resourceVersion": "7"}, "spec": SPEC})
    lease = await store(api).read()
    assert lease is not None
    assert (lease.terms, lease.body["metadata"]["resourceVersion"]) == (TERMS, "7")
    assert api.calls == [("GET", f"{PATH}/runnerpool", None)]


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": {"holderIdentity": None, "leaseTransitions": None}}])
async def test_a_lease_that_says_nothing_is_nobodys(body: dict[str, Any]) -> None:
    lease = await store(FakeApi(body)).read()
    assert lease is not None
    assert lease.terms == LeaseTerms(holder="", duration_seconds=0, transitions=0, acquired="", renewed="")


async def test_two_readings_of_the_same_terms_are_equal_whoever_has_labelled_the_lease() -> None:
    first = await store(FakeApi({"metadata": {"resourceVersion": "7"}, "spec": SPEC})).read()
    second = await store(FakeApi({"metadata": {"resourceVersion": "8", "labels": {}}, "spec": SPEC})).read()
    assert first == second


async def test_a_lease_is_created_under_its_name() -> None:
    api = FakeApi({"metadata": {}, "spec": SPEC})
    await store(api).create(TERMS)
    [(verb, path, body)] = api.calls
    assert (verb, path) == ("POST", PATH)
    assert body["metadata"] == {"namespace": "system", "name": "runnerpool"}
    assert (body["apiVersion"], body["kind"], body["spec"]) == ("coordination.k8s.io/v1", "Lease", SPEC)


async def test_a_lease_is_replaced_only_as_it_was_read_and_what_is_not_ours_stays() -> None:
    metadata = {"name": "runnerpool", "resourceVersion": "7", "labels": {"team": "media"}}
    api = FakeApi({"kind": "Lease", "metadata": metadata, "spec": {"strategy": "x", "holderIdentity": "b"}})
    read = await store(api).read()
    assert read is not None
    await store(api).replace(read, TERMS)
    verb, path, body = api.calls[-1]
    assert (verb, path) == ("PUT", f"{PATH}/runnerpool")
    assert body == {"kind": "Lease", "metadata": metadata, "spec": {"strategy": "x", **SPEC}}


async def test_a_conflict_is_told() -> None:
    api = FakeApi({"metadata": {}})
    read = await store(api).read()
    assert read is not None
    api.answer = Conflict(Reason.CONFLICT, "")
    with pytest.raises(Conflict):
        await store(api).replace(read, TERMS)


def test_times_are_written_as_the_api_server_reads_them() -> None:
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 11, 30, 7, 0, 0, 5, tzinfo=berlin)
    assert micro_time(moment) == "2026-11-30T06:00:00.000005Z"
    assert micro_time(moment) == micro_time(moment.astimezone(UTC))
