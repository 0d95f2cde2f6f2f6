from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from runnerpool.api import names
from runnerpool.control.access import Access
from runnerpool.control.pool_pass import PoolPasses
from runnerpool.control.ports import PoolKey
from runnerpool.control.world import World
from support.builders import pool_body, spec_body
from support.fakes import FakeClock, FakeCluster, FakeLink, FakeLinks

URL = "https://video.example.org"
LOGIN = {"url": URL, "username": "runnerpool", "password": "s3cret"}


@dataclass
class FakeRecorder:
    """Counts what it is told."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    forgotten: list[Any] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    lost: list[tuple[str, int]] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    reclaims: list[tuple[str, float]] = field(default_factory=list)

    def pass_done(self, key, result, seconds):
        self.results.append(result)

    def planned(self, snapshot, plan):
        pass

    def conditions_found(self, key, conditions):
        pass

    def pods_failed(self, key, causes):
        self.failed += causes

    def step_done(self, key, step, reason):
        self.steps.append((step, str(reason)))

    def lost_work(self, key, cause, seconds):
        self.lost.append((cause, seconds))

    def stuck_found(self, key, stuck, now):
        self.stuck = [str(one.cause) for one in stuck]

    def reclaimed(self, key, way, seconds):
        self.reclaims.append((way, seconds))

    def forget(self, key):
        self.forgotten.append(key)


class Stage:
    """A cluster with one pool and one server, and the passes over it."""

    def __init__(self, **spec: Any) -> None:
        self.clock = FakeClock()
        parts = {"scaling": {"maxReplicas": 3, "idleSeconds": 60}} | spec
        body = pool_body(spec_body(**parts), finalizers=[])
        self.cluster = FakeCluster(body, self.clock)
        self.cluster.logins["peertube-admin"] = dict(LOGIN)
        self.link = FakeLink()
        self.link.set()
        self.links = FakeLinks(self.link)
        self.recorder = FakeRecorder()
        self.key = PoolKey(body["metadata"]["namespace"], body["metadata"]["name"])
        self.woken = 0
        self.restart()

    def restart(self) -> None:
        """The operator process is another one from now on."""
        self.world = World(
            cluster=self.cluster,
            links=self.links,
            clock=self.clock,
            recorder=self.recorder,
            cluster_id="cluster-1",
            runner_image="localhost/runner:1",
            observed_since=self.clock.now(),
        )
        access = Access(self.key, cluster=self.cluster, links=self.links, clock=self.clock, wake=self._wake)
        self.passes = PoolPasses(self.key, self.world, access)

    def _wake(self) -> None:
        self.woken += 1

    async def make_pass(self) -> timedelta | None:
        return await self.passes.make()

    async def settle(self, passes: int = 10) -> None:
        """Make passes until one changes nothing."""
        for _ in range(passes):
            before = (self.cluster.calls.count("patch_status"), len(self.recorder.steps))
            if await self.passes.make() is None:
                return
            if before == (self.cluster.calls.count("patch_status"), len(self.recorder.steps)):
                return
        pytest.fail(f"not settled after {passes} passes; steps: {self.recorder.steps}")

    @property
    def pods(self) -> list[str]:
        return sorted(self.cluster.pods)

    @property
    def rows(self) -> list[str]:
        return sorted(row.name for row in self.link.rows)

    def pod(self, ordinal: int) -> str:
        return names.pod_name(self.key.name, self.cluster.pool["metadata"]["uid"], ordinal)

    def drain_order(self, name: str) -> str | None:
        return self.cluster.pods[name]["metadata"]["annotations"].get(names.ANNOTATION_DRAIN)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def make_stage() -> type[Stage]:
    return Stage
