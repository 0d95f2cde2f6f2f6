"""A pool's Secrets: read at each pass, told by their fault, and forgotten when they go."""

from dataclasses import replace
from typing import Any

import pytest
import trustme

from runnerpool.api.parsing import parse_pool
from runnerpool.api.reasons import Reason
from runnerpool.control.access import Access
from runnerpool.control.ports import PoolKey
from runnerpool.peertube.trust import CaBundle
from runnerpool.planning.jobs import Job, JobState
from runnerpool.planning.queue import QueueUnknown
from support.builders import pool_body, spec_body
from support.fakes import START, FakeClock, FakeCluster, FakeLink, FakeLinks

URL = "https://video.example.org"
LOGIN = {"url": URL, "username": "runnerpool", "password": "canary"}
OLD, NEW = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
BUSY = Job(
    uuid="1",
    type="vod-hls-transcoding",
    state=JobState.PROCESSING,
    priority=1,
    created=START,
    updated=START,
    runner="r",
)


class Stage:
    """One pool's access, and the cluster that holds its Secrets."""

    def __init__(self, **server: Any) -> None:
        spec = spec_body()
        body = pool_body(spec | {"server": spec["server"] | server})
        self.pool = parse_pool(body)
        self.clock = FakeClock()
        self.cluster = FakeCluster(body, self.clock)
        self.cluster.logins["peertube-admin"] = dict(LOGIN)
        self.links = FakeLinks(FakeLink())
        key = PoolKey(self.pool.namespace, self.pool.name)
        self.access = Access(key, cluster=self.cluster, links=self.links, clock=self.clock, wake=lambda: None)

    async def barred(self) -> QueueUnknown:
        way = await self.access.open(self.pool)
        assert isinstance(way, QueueUnknown)
        return way

    async def bundle(self) -> str | None:
        """What the poller trusts besides the public authorities."""
        assert await self.access.open(self.pool) is self.links.link
        assert self.links.endpoint is not None
        assert self.links.endpoint.ca_bundle == self.access.ca_bundle
        return self.access.ca_bundle.pem if self.access.ca_bundle else None


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def private() -> Stage:
    stage = Stage(caBundleRef={"name": "authority"})
    stage.cluster.logins["authority"] = {"ca.crt": OLD}
    return stage


async def test_a_good_secret_opens_the_way(stage: Stage) -> None:
    assert await stage.access.open(stage.pool) is stage.links.link
    assert stage.links.endpoint is not None
    assert str(stage.links.endpoint.address.public) == URL
    assert stage.links.endpoint.credentials.username == "runnerpool"


async def test_without_a_bundle_pods_trust_the_public_authorities_alone(stage: Stage) -> None:
    assert await stage.bundle() is None
    assert stage.access.ca_bundle_known


async def test_a_bundle_is_for_the_poller_and_for_the_pods(private: Stage) -> None:
    assert await private.bundle() == OLD
    assert private.access.ca_bundle_known


async def test_the_key_may_be_another_one() -> None:
    stage = Stage(caBundleRef={"name": "peertube-admin", "key": "authority.pem"})
    stage.cluster.logins["peertube-admin"]["authority.pem"] = NEW

    assert await stage.bundle() == NEW


async def test_a_rotated_bundle_holds_from_the_next_pass_on(private: Stage) -> None:
    await private.bundle()
    private.cluster.logins["authority"]["ca.crt"] = NEW

    assert await private.bundle() == NEW


async def test_a_bundle_is_parsed_only_when_it_has_changed(private: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = CaBundle.parse

    def counted(text: str) -> CaBundle:
        parsed.append(text)
        return parse(text)

    monkeypatch.setattr(CaBundle, "parse", counted)

    for text in (OLD, OLD, NEW, NEW, OLD):
        private.cluster.logins["authority"]["ca.crt"] = text
        assert await private.bundle() == text

    assert parsed == [OLD, NEW, OLD]


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        (None, Reason.CA_BUNDLE_NOT_FOUND, "Secret media/authority, key ca.crt"),
        ({}, Reason.CA_BUNDLE_NOT_FOUND, "put certificates in PEM into Secret media/authority, key ca.crt"),
        ({"tls.crt": OLD}, Reason.CA_BUNDLE_NOT_FOUND, "key ca.crt"),
        ({"ca.crt": ""}, Reason.CA_BUNDLE_INVALID, "Secret media/authority, key ca.crt: the CA bundle holds no"),
        ({"ca.crt": "canary"}, Reason.CA_BUNDLE_INVALID, "must begin with -----BEGIN CERTIFICATE-----"),
    ],
    ids=["no Secret", "empty Secret", "another key", "empty key", "no PEM"],
)
async def test_a_bad_bundle_bars_the_way_and_is_told_by_its_fault(
    private: Stage, changes: dict[str, str] | None, reason: Reason, told: str
) -> None:
    await private.bundle()
    if changes is None:
        del private.cluster.logins["authority"]
    else:
        private.cluster.logins["authority"] = changes

    barred = await private.barred()

    assert barred.reason is reason
    assert told in barred.message
    assert "canary" not in barred.message
    assert not private.access.ca_bundle_known
    assert private.access.ca_bundle is None
    private.cluster.logins["authority"] = {"ca.crt": OLD}
    assert await private.bundle() == OLD


async def test_the_bundle_is_known_though_the_login_is_no_good(private: Stage) -> None:
    del private.cluster.logins["peertube-admin"]

    assert (await private.barred()).reason is Reason.SECRET_NOT_FOUND
    assert private.access.ca_bundle_known
    assert private.access.ca_bundle is not None


async def test_a_login_goes_to_no_internal_address_that_its_secret_does_not_name() -> None:
    stage = Stage(internalUrl="http://elsewhere.example.org")

    assert (await stage.barred()).reason is Reason.SECRET_KEY_MISSING
    assert stage.links.endpoint is None

    stage.cluster.logins["peertube-admin"]["internalUrl"] = "http://elsewhere.example.org"
    assert await stage.access.open(stage.pool) is stage.links.link


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, Reason.SECRET_NOT_FOUND),
        ({**LOGIN, "password": ""}, Reason.SECRET_KEY_MISSING),
        ({"url": URL}, Reason.SECRET_KEY_MISSING),
        ({**LOGIN, "url": "https://other.example.org"}, Reason.SECRET_FOR_ANOTHER_ORIGIN),
    ],
)
async def test_a_bad_login_ends_the_poller_and_keeps_what_was_known_of_who_is_busy(
    stage: Stage, values: dict[str, str] | None, reason: Reason
) -> None:
    await stage.access.open(stage.pool)
    stage.links.link.set(active=(BUSY, replace(BUSY, uuid="2")))
    if values is None:
        del stage.cluster.logins["peertube-admin"]
    else:
        stage.cluster.logins["peertube-admin"] = values

    barred = await stage.barred()

    assert barred.reason is reason
    assert barred.held == {"r": 2}
    assert stage.links.released == 1
    assert "canary" not in barred.message


async def test_a_new_poller_begins_with_what_the_old_one_knew(stage: Stage) -> None:
    await stage.access.open(stage.pool)
    stage.links.link.set(active=(BUSY,))
    known = stage.links.link.last_known
    secret = stage.cluster.logins.pop("peertube-admin")
    await stage.barred()
    stage.cluster.logins["peertube-admin"] = secret
    stage.links.link = FakeLink()

    assert await stage.access.open(stage.pool) is stage.links.link
    assert stage.links.last_known is known


async def test_the_queue_is_unknown_since_the_first_fault_whatever_the_next_one_is(stage: Stage) -> None:
    del stage.cluster.logins["peertube-admin"]
    await stage.barred()
    stage.clock.advance(30)
    stage.cluster.logins["peertube-admin"] = {"url": URL}

    told = await stage.barred()

    assert (told.reason, told.since) == (Reason.SECRET_KEY_MISSING, START)


async def test_a_secret_that_goes_when_the_server_is_out_of_reach_is_no_new_beginning(stage: Stage) -> None:
    stage.links.link.reading = QueueUnknown(reason=Reason.SERVER_UNREACHABLE, message="gone", since=START)
    await stage.access.open(stage.pool)
    stage.clock.advance(20)
    del stage.cluster.logins["peertube-admin"]

    told = await stage.barred()

    assert (told.reason, told.since) == (Reason.SECRET_NOT_FOUND, START)


async def test_a_fault_after_a_reading_is_a_new_one(stage: Stage) -> None:
    login = stage.cluster.logins.pop("peertube-admin")
    await stage.barred()
    stage.cluster.logins["peertube-admin"] = login
    await stage.access.open(stage.pool)
    stage.clock.advance(30)
    del stage.cluster.logins["peertube-admin"]

    assert (await stage.barred()).since == stage.clock.now()


async def test_a_pool_that_goes_needs_its_poller_no_more(stage: Stage) -> None:
    await stage.access.open(stage.pool)

    stage.access.close()

    assert stage.links.released == 1
