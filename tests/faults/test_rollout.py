"""Changed settings: who is replaced, in which order, and what a change that does not work costs."""

import pytest

from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

IMAGE = "registry.example.org/runner:2"


def pods_at_work(stage: FaultStage, jobs: int, *, pods: int, **spec: object) -> list[str]:
    """A pool of so many pods, of which some hold a job that lasts until the test finishes it; the names of those."""
    stage.player.script = Script(job_seconds=FOREVER)
    stage.pool(scaling={"minReplicas": pods, "maxReplicas": pods, "idleSeconds": 1}, **spec)
    stage.wait_pods(pods, within=30)
    stage.server.client.enqueue(WEB_VIDEO, count=jobs)
    stage.until(lambda: len(stage.player.holding()) == jobs, f"{jobs} pods at work", within=30)
    return sorted(stage.player.holding())


def is_of_image(image: str, pod: Json) -> bool:
    return bool(pod["spec"]["containers"][0]["image"] == image)


def image_pods(stage: FaultStage, image: str) -> list[str]:
    return stage.pod_names(lambda pod: is_of_image(image, pod) and is_ready(pod))


@pytest.mark.fault("Rollout")
def test_a_changed_image_replaces_idle_pods_first_and_lets_busy_ones_finish(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)
    (busy,) = pods_at_work(faults, 1, pods=3)
    old = set(faults.pod_names())

    case.begins()
    faults.change_pool(runner={"image": IMAGE})
    case.tells("RollingOut", condition="Progressing")
    faults.until(lambda: len(image_pods(faults, IMAGE)) == 3, "three new pods", within=30)
    faults.until(lambda: set(faults.pod_names()) & old <= {busy}, "the end of the idle old pods", within=20)
    assert sorted(faults.player.holding()) == [busy]

    faults.player.finish()
    faults.until(lambda: not set(faults.pod_names()) & old, "the end of the last old pod", within=20)
    faults.wait_condition("Progressing", "Steady")
    told = faults.server.client.statistics()
    assert (told.completed, told.aborts, told.reclaims, told.orphans) == (1, 0, 0, ())


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
    case.heals(within=30)
    faults.player.script = Script()
    faults.player.finish()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=20)
    faults.until(lambda: len(image_pods(faults, f"{IMAGE}.1")) == len(faults.pods()) == 2, "two new pods", within=30)
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (2, 0, 0)


@pytest.mark.fault("R34")
def test_an_upgrade_of_the_operator_alone_replaces_idle_pods_and_leaves_busy_ones_alone(faults: FaultStage) -> None:
    (busy,) = pods_at_work(faults, 1, pods=2)
    faults.operator.stop()
    faults.operator.order = faults.operator.order.with_options({"runner-image": IMAGE})
    faults.operator.start()

    faults.until(lambda: image_pods(faults, IMAGE), "a pod of the new release", within=30)
    faults.until(lambda: len(faults.pods()) == 2, "the end of the idle old pod", within=20)
    (left,) = faults.pods(lambda pod: pod["metadata"]["name"] == busy)
    assert not is_told_to_drain(left)

    faults.player.finish()
    faults.until(lambda: len(image_pods(faults, IMAGE)) == len(faults.pods()) == 2, "two new pods", within=30)
    told = faults.server.client.statistics()
    assert (told.completed, told.aborts, told.reclaims) == (1, 0, 0)
