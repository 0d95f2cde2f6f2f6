"""What the chart tells a Prometheus operator. That these are valid is tested on a real API server."""

from typing import Any

import pytest

from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import runner_pod
from support.builders import make_pool
from support.packaging import helm
from support.packaging.value_files import VALUE_FILES

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm

MONITORED: dict[str, Any] = VALUE_FILES["monitored"]


def one(values: dict[str, Any], kind: str) -> helm.Manifest:
    [found] = [document for document in helm.manifests(values) if document["kind"] == kind]
    return found


def test_by_default_there_are_no_monitors() -> None:
    assert not {document["kind"] for document in helm.manifests()} & {"ServiceMonitor", "PodMonitor"}


def test_the_service_monitor_finds_the_metrics_port_of_our_service_and_of_no_other() -> None:
    monitor, service = one(MONITORED, "ServiceMonitor"), one(MONITORED, "Service")
    [endpoint] = monitor["spec"]["endpoints"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["interval"] == "15s"
    assert monitor["spec"]["jobLabel"] in service["metadata"]["labels"]


def test_the_operators_own_namespace_label_is_kept() -> None:
    [endpoint] = one(MONITORED, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["honorLabels"] is True


def test_the_pod_monitor_finds_the_port_of_runner_pods_by_their_labels() -> None:
    monitor = one(MONITORED, "PodMonitor")
    pod = runner_pod(make_pool(), 1, PodInputs(default_image="localhost/runner:1"))
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    [container] = pod["spec"]["containers"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in container["ports"]}
    assert monitor["spec"]["jobLabel"] in pod["metadata"]["labels"]


def test_runner_pods_are_looked_for_where_pools_are_served() -> None:
    assert one(MONITORED, "PodMonitor")["spec"]["namespaceSelector"] == {"any": True}
    some = {**MONITORED, "watchNamespaces": ["media", "staging"]}
    assert one(some, "PodMonitor")["spec"]["namespaceSelector"] == {"matchNames": ["media", "staging"]}


def test_labels_are_added_and_ours_stay() -> None:
    labels = {"release": "prometheus", "app.kubernetes.io/name": "something-else"}
    values = {"metrics": {"serviceMonitor": {"enabled": True, "labels": labels}}}
    found = one(values, "ServiceMonitor")["metadata"]["labels"]
    assert found["release"] == "prometheus"
    assert found["app.kubernetes.io/name"] == "runnerpool"
