"""A real Prometheus and the configuration in deploy/monitoring; the chart's monitors before a real API server."""

import asyncio
import base64
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from peers.runner.pack import install
from runnerpool.api.times import format_time
from support.agent.pod import running_pod
from support.cluster.backends import ClusterBackend
from support.cluster.paths import cache_directory
from support.observer.observer import observe
from support.packaging import helm
from support.packaging.paths import MONITORING
from support.packaging.value_files import VALUE_FILES
from support.prometheus.discovery import with_static_targets
from support.prometheus.operator_resources import definition
from support.prometheus.promtool import check
from support.prometheus.server import Prometheus, running_prometheus
from support.reliability.case import Case
from support.stage import pools
from support.stage.operator_process import LOOPBACK, OperatorOrder, OperatorProcess, free_port
from support.stage.peertube import PeerTube, running_peertube
from support.stage.pools import POOL_KIND, WEB_VIDEO, PoolOrder
from support.stage.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.usefixtures("debians_prometheus")]

WAIT_SECONDS = 60


# The chart's monitors


@pytest.fixture(scope="module")
def monitoring_resources(control_plane: ClusterBackend) -> Iterator[None]:
    files = [f"--filename={definition(plural)}" for plural in ("servicemonitors", "podmonitors", "prometheusrules")]
    control_plane.kubectl("create", *files)
    control_plane.kubectl("wait", *files, "--for=condition=Established", f"--timeout={WAIT_SECONDS}s")
    yield
    control_plane.kubectl("delete", *files, "--wait=false")


@pytest.mark.usefixtures("monitoring_resources")
def test_the_monitors_and_rules_are_valid_by_the_prometheus_operators_definitions(
    control_plane: ClusterBackend, namespace: str
) -> None:
    documents = helm.manifests(VALUE_FILES["monitored"], namespace=namespace)
    monitors = [document for document in documents if document["apiVersion"] == "monitoring.coreos.com/v1"]
    assert [monitor["kind"] for monitor in monitors] == ["PodMonitor", "ServiceMonitor"]
    rules = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "runnerpool", "namespace": namespace},
        "spec": yaml.safe_load((MONITORING / "rules.yaml").read_text()),
    }
    for manifest in (*monitors, rules):
        dry = ("create", "--filename=-", "--dry-run=server", "--validate=strict")
        control_plane.kubectl(*dry, stdin=json.dumps(manifest))


# The scrape


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An operator, and the agent of a pod that it made, as processes on loopback.

    Attributes:
        addresses: where they tell their metrics, by the names of the ports of their containers.
    """

    cluster: ClusterBackend
    namespace: str
    server: PeerTube
    pod: str
    token: str
    addresses: Mapping[str, str]


@contextmanager
def operated(cluster: ClusterBackend, order: OperatorOrder) -> Iterator[PeerTube]:
    """A server with a pool, and an operator for it."""
    [namespace] = order.namespaces
    with running_peertube(LOOPBACK, order.directory) as server, observe(cluster, [namespace], peertube=server):
        pool = PoolOrder(server_url=server.url, password=server.password, job_types=(WEB_VIDEO,), idle_seconds=600)
        pools.apply(cluster, namespace, pool)
        operator = OperatorProcess(order)
        try:
            operator.start()
            yield server
        finally:
            operator.stop()
            # Nobody is left to take our finalizer off.
            patch = '--patch={"metadata":{"finalizers":[]}}'
            cluster.kubectl("patch", POOL_KIND, "vod", f"--namespace={namespace}", "--type=merge", patch, check=False)


def ungated_pod(cluster: ClusterBackend, namespace: str) -> str | None:
    listed = json.loads(cluster.kubectl("get", "pods", f"--namespace={namespace}", "--output=json").stdout)["items"]
    return next((pod["metadata"]["name"] for pod in listed if not pod["spec"].get("schedulingGates")), None)


def orders_of(cluster: ClusterBackend, namespace: str, pod: str) -> dict[str, Any]:
    secret = json.loads(cluster.kubectl("get", "secret", pod, f"--namespace={namespace}", "--output=json").stdout)
    orders: dict[str, Any] = json.loads(base64.b64decode(secret["data"]["agent.json"]))
    return orders


@pytest.fixture
async def scene(
    control_plane: ClusterBackend, operator_kubeconfig: Path, restricted_namespace: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    """The agent works by the order sheet that the operator wrote for its pod, and has done one job."""
    program = install(cache_directory())
    ports = {"metrics": free_port(), "http": free_port()}
    order = OperatorOrder(
        kubeconfig=operator_kubeconfig,
        directory=tmp_path,
        namespaces=(restricted_namespace,),
        options={"metrics-port": ports["metrics"]},
    )
    with operated(control_plane, order) as server:
        server.client.enqueue(WEB_VIDEO, file=True)
        name = until(lambda: ungated_pod(control_plane, restricted_namespace), "an ungated pod", seconds=WAIT_SECONDS)
        assert name is not None
        orders = orders_of(control_plane, restricted_namespace, name)
        async with running_pod(orders, [str(program)], port=ports["http"]) as agent:
            await agent.wait_for_status(lambda status: not status["probes"]["readiness"], WAIT_SECONDS)
            play_ready(control_plane, restricted_namespace, name)
            await agent.wait_for_status(lambda status: not status["jobs"] and "Finished" in agent.log, WAIT_SECONDS)
            yield Scene(
                cluster=control_plane,
                namespace=restricted_namespace,
                server=server,
                pod=name,
                token=orders["runner"]["token"],
                addresses={port: f"{LOOPBACK}:{number}" for port, number in ports.items()},
            )


def play_ready(cluster: ClusterBackend, namespace: str, pod: str) -> None:
    """What the kubelet would tell of it."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": format_time(datetime.now(UTC))}
    status = {"phase": "Running", "conditions": [ready]}
    patch = f"--patch={json.dumps({'status': status})}"
    cluster.kubectl("patch", "pod", pod, f"--namespace={namespace}", "--subresource=status", "--type=merge", patch)


def configuration(scene: Scene) -> dict[str, Any]:
    """The shipped one, with this scene's processes for pods, and one pod more that has ended."""

    def pods_by(selector: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for namespace in (scene.namespace, helm.NAMESPACE):
            options = (f"--namespace={namespace}", f"--selector={selector}", "--output=json")
            found += json.loads(scene.cluster.kubectl("get", "pods", *options).stdout)["items"]
        runners = [pod for pod in found if pod["metadata"]["namespace"] == scene.namespace]
        return found + [{**pod, "status": {"phase": "Failed"}} for pod in runners]

    shipped = yaml.safe_load((MONITORING / "prometheus.yaml").read_text())
    return {"global": {"scrape_interval": "1s"}, **with_static_targets(shipped, pods_by, scene.addresses)}


@pytest.mark.fault("Prometheus")
async def test_prometheus_scrapes_operator_and_agent_by_the_shipped_configuration(
    scene: Scene, tmp_path: Path, case: Case
) -> None:
    directory = tmp_path / "prometheus"
    directory.mkdir()
    shutil.copy(MONITORING / "rules.yaml", directory)
    with running_prometheus(configuration(scene), directory) as prometheus:
        check("check", "config", str(directory / "prometheus.yaml"))
        begin = time.monotonic()
        await asyncio.to_thread(scraped, prometheus, scene)
        case.told("up", time.monotonic() - begin)
        assert "level=error" not in prometheus.log()
        assert "duplicate" not in prometheus.log()
    async with httpx.AsyncClient(trust_env=False) as http:
        for address in scene.addresses.values():
            text = (await http.get(f"http://{address}/metrics")).text
            well_formed(text)
            assert scene.token not in text
            assert scene.server.password not in text


def scraped(prometheus: Prometheus, scene: Scene) -> None:
    jobs = {"runnerpool-operator", "runnerpool-runners"}
    until(lambda: up(prometheus).keys() == jobs, "both targets", seconds=WAIT_SECONDS, evidence=prometheus.targets)
    until(
        lambda: set(up(prometheus).values()) == {1},
        "both targets up",
        seconds=WAIT_SECONDS,
        evidence=prometheus.targets,
    )
    # Neither a port of another name nor a pod that has ended is scraped.
    assert len(prometheus.targets()) == len(jobs)
    pool = f'namespace="{scene.namespace}",pool="vod"'
    becomes(prometheus, f"runnerpool_queue_known{{{pool}}}", 1)
    becomes(prometheus, f'runnerpool_queue_jobs{{{pool},state="pending"}}', 0)
    becomes(prometheus, f'runnerpool_pool_condition{{{pool},type="Ready",status="true"}}', 1)
    becomes(prometheus, f'runnerpool_replicas{{{pool},state="idle"}}', 1)
    becomes(prometheus, f'runnerpool_steps_total{{{pool},step="create",reason="ScaleUp"}}', 1)
    becomes(prometheus, f'runnerpool_agent_job_ends_total{{{pool},type="{WEB_VIDEO}",outcome="finished"}}', 1)
    becomes(prometheus, f'runnerpool_agent_slots{{{pool},pod="{scene.pod}"}}', 1)
    # Both know the pool by the same labels.
    becomes(prometheus, f"runnerpool_agent_slots * on (namespace, pool) runnerpool_pool_updated_replicas{{{pool}}}", 1)
    # What is of no pool has the namespace of the operator's own pod.
    becomes(prometheus, f'runnerpool_build_info{{namespace="{helm.NAMESPACE}"}}', 1)
    assert prometheus.query('{exported_namespace!=""}') == []
    assert prometheus.query('ALERTS{alertstate="firing"}') == []


def up(prometheus: Prometheus) -> dict[str, float]:
    return {sample.labels["job"]: sample.value for sample in prometheus.query("up")}


def becomes(prometheus: Prometheus, expression: str, value: float) -> None:
    """One series has a value, or will have it after a scrape or two."""
    until(
        lambda: [sample.value for sample in prometheus.query(expression)] == [value],
        f"{expression} = {value}",
        seconds=WAIT_SECONDS,
        evidence=lambda: prometheus.query(expression),
    )


def well_formed(text: str) -> None:
    """Prometheus' own linter is content, and nothing is told twice."""
    assert check("check", "metrics", stdin=text) == ""
    families = list(text_string_to_metric_families(text))
    names = Counter(family.name for family in families)
    series = Counter((s.name, tuple(sorted(s.labels.items()))) for family in families for s in family.samples)
    assert sum(name.startswith("runnerpool_") for name in names) > 8
    assert set(names.values()) == {1}
    assert set(series.values()) == {1}
