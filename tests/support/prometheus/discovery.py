"""What Prometheus' own Kubernetes discovery would find, for Debian's Prometheus, which is built without it.

The pods are real ones, found by the configuration's own label selector; the labels are those of the role `pod`
(prometheus.io/docs, configuration, kubernetes_sd_config), so that the configuration's own relabelling is what is tried.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
PodsBy = Callable[[str], Sequence[Json]]


def with_static_targets(config: Mapping[str, Any], pods_by: PodsBy, addresses: Mapping[str, str]) -> Json:
    """The configuration with targets in the place of its discovery.

    Args:
        config: one whose jobs discover pods, each by one label selector.
        pods_by: finds pods by a label selector.
        addresses: where a container's port of a name is in truth; ports of other names lead nowhere.
    """
    adapted: Json = copy.deepcopy(dict(config))
    for job in adapted["scrape_configs"]:
        [discovery] = job.pop("kubernetes_sd_configs")
        assert discovery["role"] == "pod"
        [selector] = discovery["selectors"]
        assert selector["role"] == "pod"
        pods = pods_by(selector["label"])
        job["static_configs"] = [group for pod in pods for group in _targets(pod, addresses)]
    return adapted


def _targets(pod: Json, addresses: Mapping[str, str]) -> Iterator[Json]:
    for container in pod["spec"]["containers"]:
        for port in container["ports"]:
            labels = {**_labels(pod), "__meta_kubernetes_pod_container_port_name": port["name"]}
            yield {"targets": [addresses.get(port["name"], "127.0.0.1:1")], "labels": labels}


def _labels(pod: Json) -> dict[str, str]:
    metadata = pod["metadata"]
    own = {f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', name)}": value for name, value in metadata["labels"].items()}
    told = {"name": metadata["name"], "phase": pod["status"]["phase"], **own}
    return {
        "__meta_kubernetes_namespace": metadata["namespace"],
        **{f"__meta_kubernetes_pod_{name}": value for name, value in told.items()},
    }
