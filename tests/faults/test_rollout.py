"""Changed settings: who is replaced, in which order, and what a change that does not work costs."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from peers.peertube.profile import LIVE
from support.faults.rollout import Bounds
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain
from support.observer.objects import BUILD_HASH, DRAIN, TEMPLATE_HASH, annotation
from support.observer.records import Kind
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_PODS = 3
# Passes come with each poll that finds something, with each change of a pod, and every 10 s.
_PASSES_SECONDS = 3.0
IMAGE = "registry.example.org/runner:2"


def pods_at_work(stage: FaultStage, jobs: int, *, pods: int, **spec: object) -> list[str]:
    """A pool of so many pods, of which some hold a job that lasts until the test finishes it; the names of those."""
    stage.player.script = Script(job_seconds=FOREVER)
    stage.pool(scaling={"minReplicas": pods, "maxReplicas": pods, "idleSeconds": 1}, **spec)
    stage.wait_pods(pods, within=30)
    stage.server.client.enqueue(WEB_VIDEO, count=jobs)
    stage.until(lambda: len(stage.player.holding()) == jobs, f"{jobs} pods at work", within=30)
    # Whom the operator has not seen at work yet, it takes for idle.
    stage.until(lambda: stage.status().get("busyReplicas") == jobs, f"{jobs} busy pods seen", within=15)
    return sorted(stage.player.holding())


def is_of_image(image: str, pod: Json) -> bool:
    return bool(pod["spec"]["containers"][0]["image"] == image)


def image_pods(stage: FaultStage, image: str) -> list[str]:
    return stage.pod_names(lambda pod: is_of_image(image, pod) and is_ready(pod))


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What is changed of a pool of three pods, and what its rollout may do."""

    spec: dict[str, Any]
    surge: int
    unavailable: int

    @property
    def bounds(self) -> Bounds:
        return Bounds(target=_PODS, surge=self.surge, unavailable=self.unavailable)


CHANGES = {
    "the image": Changed(spec={"runner": {"image": IMAGE}}, surge=1, unavailable=0),
    "a setting": Changed(spec={"runner": {"ffmpeg": {"threads": 2}}}, surge=2, unavailable=0),
    "the template": Changed(
        spec={"podTemplate": {"env": [{"name": "REGION", "value": "east"}]}}, surge=0, unavailable=1
    ),
}


@pytest.mark.fault("Rollout")
@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_change_replaces_idle_pods_first_lets_busy_ones_finish_and_keeps_within_its_bounds(
    faults: FaultStage, case: Case, changed: Changed
) -> None:
    case.watch(faults.observer, faults.namespace)
    rollout = {"maxSurge": changed.surge, "maxUnavailable": changed.unavailable}
    (busy,) = pods_at_work(faults, 1, pods=_PODS, rollout=rollout)
    old = set(faults.pod_names())

    case.begins()
    faults.change_pool(**changed.spec)
    case.tells("RollingOut", condition="Progressing")
    faults.until(lambda: len(new_pods(faults, old)) == _PODS, "three new pods", within=30)
    faults.until(lambda: set(faults.pod_names()) & old <= {busy}, "the end of the idle old pods", within=20)
    assert sorted(faults.player.holding()) == [busy]

    case.cured()
    faults.player.finish()
    faults.until(lambda: not set(faults.pod_names()) & old, "the end of the last old pod", within=20)
    case.heals(shows="Steady")
    assert changed.bounds.broken(faults.observer.versions(faults.namespace), old) == []
    *idle, last = told_to_drain(faults)
    assert (set(idle), last) == (old - {busy}, busy)
    told = faults.server.client.statistics()
    assert (told.completed, told.aborts, told.reclaims, told.orphans) == (1, 0, 0, ())


def told_to_drain(stage: FaultStage) -> list[str]:
    """The names of all pods that were ever told to drain, in the order in which they were."""
    versions = stage.observer.versions(stage.namespace)
    told = [version.name for version in versions if version.kind is Kind.POD and annotation(version.body, DRAIN)]
    return list(dict.fromkeys(told))


def new_pods(stage: FaultStage, old: set[str]) -> list[str]:
    return stage.pod_names(lambda pod: pod["metadata"]["name"] not in old and is_ready(pod))


@pytest.mark.fault("Rollout")
def test_a_pod_with_a_live_stream_is_left_until_the_stream_ends(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)
    # Of a floor of one, and a slot to be kept free: one pod streams, one is idle.
    live = {"jobTypes": [LIVE], "scaling": {"minReplicas": 1, "maxReplicas": 2, "idleSlots": 1, "idleSeconds": 1}}
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(**live)
    faults.wait_pods(1, within=30)
    faults.server.client.enqueue(LIVE)
    streaming = faults.await_pod_at_work(within=30)
    faults.wait_pods(2)
    old = set(faults.pod_names())

    case.begins()
    faults.change_pool(runner={"image": IMAGE})
    told = case.tells("RollingOut", condition="Progressing")
    faults.until(lambda: image_pods(faults, IMAGE), "a new pod", within=30)
    faults.until(lambda: set(faults.pod_names()) & old == {streaming}, "the end of the idle old pod", within=20)
    told = faults.until(lambda: waiting_for_live(faults), "the wait for the stream told", within=15)
    assert "1 pod waits for the end of live streams" in told["message"]
    time.sleep(_PASSES_SECONDS)
    assert list(faults.player.holding()) == [streaming]
    assert not faults.pods(is_told_to_drain)

    case.cured()
    faults.player.finish()
    faults.until(lambda: not set(faults.pod_names()) & old, "the end of the old pod", within=20)
    case.heals(shows="Steady")
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.errors, statistics.reclaims) == (1, 0, 0, 0)


def waiting_for_live(stage: FaultStage) -> Json | None:
    told = stage.condition("Progressing") or {}
    return told if "live streams" in told.get("message", "") else None


@pytest.mark.fault("R43")
def test_a_change_whose_first_pod_cannot_start_stops_there_is_told_and_is_mended(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    busy = pods_at_work(faults, 2, pods=2)
    faults.player.script = Script(never_starts="ImagePullBackOff")

    case.begins()
    faults.change_pool(runner={"image": IMAGE})
    told = case.tells("RolloutStalled", condition="Progressing", within=20)
    assert "ImagePullBackOff" in told["message"]
    made = faults.pod_names(lambda pod: is_of_image(IMAGE, pod))
    assert len(made) == 1
    assert faults.pods(is_told_to_drain) == []
    assert sorted(faults.player.holding()) == busy

    faults.player.script = Script(job_seconds=FOREVER)
    case.cured()
    faults.change_pool(runner={"image": f"{IMAGE}.1"})
    faults.until(lambda: image_pods(faults, f"{IMAGE}.1"), "a new pod that works", within=30)
    faults.player.script = Script()
    faults.player.finish()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=20)
    faults.until(lambda: len(image_pods(faults, f"{IMAGE}.1")) == len(faults.pods()) == 2, "two new pods", within=30)
    case.heals(shows="Steady")
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (2, 0, 0)


@pytest.mark.fault("R34")
def test_an_upgrade_of_the_operator_alone_replaces_idle_pods_and_leaves_busy_ones_alone(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    (busy,) = pods_at_work(faults, 1, pods=2)
    faults.operator.stop()
    faults.operator.order = faults.operator.order.with_options({"runner-image": IMAGE})
    begin = time.monotonic()
    faults.operator.start()

    faults.await_events("Upgrade", within=30)
    case.told("Upgrade", time.monotonic() - begin)
    faults.until(lambda: image_pods(faults, IMAGE), "a pod of the new release", within=30)
    faults.until(lambda: len(faults.pods()) == 2, "the end of the idle old pod", within=20)
    left, made = sorted(faults.pods(), key=lambda pod: pod["metadata"]["name"] != busy)
    assert left["metadata"]["name"] == busy
    assert not is_told_to_drain(left)
    assert annotation(left, TEMPLATE_HASH) == annotation(made, TEMPLATE_HASH)
    assert annotation(left, BUILD_HASH) != annotation(made, BUILD_HASH)
    time.sleep(_PASSES_SECONDS)
    assert list(faults.player.holding()) == [busy]
    assert not faults.pods(is_told_to_drain)

    finished = time.monotonic()
    faults.player.finish()
    faults.until(lambda: len(image_pods(faults, IMAGE)) == len(faults.pods()) == 2, "two new pods", within=30)
    case.healed(time.monotonic() - finished)
    told = faults.server.client.statistics()
    assert (told.completed, told.aborts, told.reclaims) == (1, 0, 0)
