"""The pod player alone: pods made by hand, a real scheduler, a server that hands out jobs."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.background import Background
from support.cluster.local import LocalCluster
from support.cluster.namespaces import temporary_namespace
from support.cluster.writes import KubeWriter
from support.faults.pod_player import PodPlayer
from support.faults.script import FOREVER, Script
from support.faults.server import PeerTubeHere, peertube_here
from support.stage.kube import Json, KubeReader
from support.stage.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(90)]

WEB_VIDEO = "vod-web-video-transcoding"
POD = "vod-1"
GRACE_SECONDS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Theatre:
    namespace: str
    server: PeerTubeHere
    player: PodPlayer
    reader: KubeReader
    writer: KubeWriter

    def enter_pod(self, *, concurrency: int = 1, grace: int = GRACE_SECONDS) -> None:
        """Register a runner, and make its Secret and its pod, as the operator does."""
        token = self.server.client.register(POD)
        content = {
            "server": {"url": self.server.url},
            "runner": {"name": POD, "token": token},
            "jobTypes": [WEB_VIDEO],
            "concurrency": concurrency,
        }
        data = {"agent.json": base64.b64encode(json.dumps(content).encode()).decode()}
        self.writer.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": POD}, "data": data})
        self.writer.apply(pod_manifest(grace))

    def order(self, word: str) -> None:
        """Tell the pod to drain or to abort."""
        self.writer.patch(pod_manifest(), {"metadata": {"annotations": {"runnerpool.dev/drain": word}}})

    def delete_pod(self) -> None:
        self.writer.delete(pod_manifest())

    def pod(self) -> Json | None:
        return self.reader.find(f"/api/v1/namespaces/{self.namespace}/pods/{POD}")

    def status(self) -> Json:
        return dict((self.pod() or {}).get("status", {}))

    def await_ready(self) -> None:
        until(lambda: "Ready" in true_conditions(self.status()), "a ready pod", seconds=15, evidence=self.status)

    def await_end(self) -> Json:
        """The terminated state of the pod's container."""
        until(lambda: self.status().get("phase") in {"Succeeded", "Failed"}, "the pod's end", seconds=20,
              evidence=self.status)  # fmt: skip
        (container,) = self.status()["containerStatuses"]
        ended: Json = container["state"]["terminated"]
        return ended

    def await_job_in_hand(self) -> str:
        found = until(lambda: self.player.holding().get(POD), "a job in hand", seconds=15, evidence=self.status)
        return (found or [""])[0]

    def await_gone(self) -> None:
        until(lambda: self.pod() is None, "the pod gone", seconds=20, evidence=self.status)


def true_conditions(status: Json) -> set[str]:
    return {told["type"] for told in status.get("conditions", []) if told["status"] == "True"}


def pod_manifest(grace: int = GRACE_SECONDS) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "labels": {"app.kubernetes.io/managed-by": "runnerpool"}},
        "spec": {
            "containers": [{"name": "runner", "image": "localhost/none:1"}],
            "volumes": [{"name": "orders", "secret": {"secretName": POD}}],
            "terminationGracePeriodSeconds": grace,
            "restartPolicy": "Never",
        },
    }


@pytest.fixture
def theatre(control_plane: LocalCluster, tmp_path: Path) -> Iterator[Theatre]:
    plane = control_plane.control_plane
    with (
        temporary_namespace(control_plane) as namespace,
        Background() as background,
        peertube_here(background, tmp_path, clock_divisor=10) as server,
        plane.http() as http,
    ):
        player = PodPlayer(background, url=plane.url, context=plane.pki.client_context(), namespace=namespace)
        yield Theatre(
            namespace=namespace,
            server=server,
            player=player,
            reader=KubeReader(http),
            writer=KubeWriter(http, namespace),
        )


def test_a_pod_gets_a_node_becomes_ready_and_completes_the_jobs_of_the_queue(theatre: Theatre) -> None:
    theatre.enter_pod(concurrency=2)
    theatre.await_ready()
    jobs = theatre.server.client.enqueue(WEB_VIDEO, count=3)

    until(lambda: not theatre.server.open_jobs(), "the end of all jobs", seconds=20)

    pod = theatre.pod() or {}
    assert pod["spec"]["nodeName"].startswith("kwok-")
    assert {"PodScheduled", "Ready"} <= true_conditions(pod["status"])
    assert theatre.server.client.statistics().completed == len(jobs)


def test_a_pod_told_to_drain_finishes_its_job_and_succeeds(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER)
    theatre.server.client.enqueue(WEB_VIDEO, count=2)
    theatre.enter_pod()
    theatre.await_job_in_hand()

    theatre.order("drain")
    until(lambda: "Ready" not in true_conditions(theatre.status()), "an unready pod", seconds=10)
    assert theatre.status()["phase"] == "Running"
    theatre.player.finish()

    assert theatre.await_end()["exitCode"] == 0
    statistics = theatre.server.client.statistics()
    assert (statistics.completed, statistics.accepts, statistics.aborts) == (1, 1, 0)


def test_a_pod_told_to_abort_hands_its_job_back_and_fails_with_5(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod()
    theatre.await_job_in_hand()

    theatre.order("abort")

    end = theatre.await_end()
    assert (end["exitCode"], json.loads(end["message"])["cause"]) == (5, "AbortOrdered")
    assert theatre.server.client.statistics().aborts == 1
    assert [job["state"]["label"] for job in theatre.server.client.jobs()] == ["Pending"]


def test_a_deleted_pod_finishes_its_job_within_its_grace_and_goes(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=2)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod()
    theatre.await_job_in_hand()

    theatre.delete_pod()

    theatre.await_gone()
    statistics = theatre.server.client.statistics()
    assert (statistics.completed, statistics.aborts) == (1, 0)


def test_a_deleted_pod_hands_its_job_back_thirty_seconds_before_its_grace_ends(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod(grace=32)
    theatre.await_job_in_hand()

    theatre.delete_pod()

    theatre.await_gone()
    assert theatre.server.client.statistics().aborts == 1


def test_a_deaf_pod_obeys_no_order_and_is_killed_at_the_end_of_its_grace(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER, deaf=True)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod(grace=3)
    job = theatre.await_job_in_hand()
    theatre.order("abort")

    theatre.delete_pod()
    deleted = time.monotonic()

    theatre.await_gone()
    assert time.monotonic() - deleted >= 2  # the API server cuts fractions of seconds off
    statistics = theatre.server.client.statistics()
    assert (statistics.completed, statistics.aborts) == (0, 0)
    assert [other["uuid"] for other in theatre.server.open_jobs()] == [job]


def test_a_pod_whose_runner_hangs_hands_its_job_back_and_says_so(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod()
    job = theatre.await_job_in_hand()

    theatre.player.hang(POD)

    end = theatre.await_end()
    word = json.loads(end["message"])
    assert (end["exitCode"], word["cause"]) == (4, "RunnerHung")
    assert [(lost["uuid"], lost["fate"]) for lost in word["jobs"]] == [(job, "handed_back")]
    assert theatre.server.client.statistics().aborts == 1


def test_a_crash_leaves_its_job_to_the_servers_watchdog(theatre: Theatre) -> None:
    theatre.player.script = Script(job_seconds=FOREVER)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod()
    theatre.await_job_in_hand()

    theatre.player.crash(POD, exit_code=137, reason="OOMKilled")

    end = theatre.await_end()
    assert (end["exitCode"], end["reason"]) == (137, "OOMKilled")
    # 120 s of silence, and a round of the watchdog each 30 s, at ten times the speed.
    until(lambda: theatre.server.client.statistics().reclaims == 1, "the job taken back", seconds=25)


def test_an_evicted_pod_says_so_of_the_whole_pod(theatre: Theatre) -> None:
    theatre.enter_pod()
    theatre.await_ready()

    theatre.player.evict(POD)

    assert theatre.await_end()["exitCode"] == 137
    assert (theatre.status()["phase"], theatre.status()["reason"]) == ("Failed", "Evicted")


def test_a_pod_whose_row_is_gone_ends_with_3(theatre: Theatre) -> None:
    theatre.enter_pod()
    theatre.await_ready()
    (row,) = theatre.server.client.runners()

    theatre.server.client.delete_runner(row["id"])

    assert theatre.await_end()["exitCode"] == 3


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "CreateContainerConfigError"])
def test_a_pod_that_never_starts_waits_with_its_reason_and_goes_when_deleted(theatre: Theatre, reason: str) -> None:
    theatre.player.scripts[POD] = Script(never_starts=reason)
    theatre.enter_pod()

    def waits() -> bool:
        containers = theatre.status().get("containerStatuses", [])
        return any(container["state"].get("waiting", {}).get("reason") == reason for container in containers)

    until(waits, f"a container that waits with {reason}", seconds=15, evidence=theatre.status)
    assert theatre.status()["phase"] == "Pending"

    theatre.delete_pod()
    theatre.await_gone()


def test_a_pod_that_never_becomes_ready_runs_and_takes_no_job(theatre: Theatre) -> None:
    theatre.player.script = Script(never_ready=True)
    theatre.server.client.enqueue(WEB_VIDEO)
    theatre.enter_pod()
    until(lambda: theatre.status().get("phase") == "Running", "a running pod", seconds=15, evidence=theatre.status)

    theatre.order("drain")

    assert theatre.await_end()["exitCode"] == 0
    assert theatre.server.client.statistics().accepts == 0
