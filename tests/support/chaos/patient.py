"""A pod that is to fall sick, with a job in hand, and all that shows of it: conditions, events, metrics, its end."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.chaos import processes
from support.chaos.packets import Way
from support.chaos.processes import Part, PodProcess
from support.observer.observer import Observer
from support.observer.records import Kind, Version
from support.stage.kube import Json
from support.stage.operator import NAMESPACE
from support.stage.samples import samples
from support.stage.site import Site
from support.stage.waiting import until

POOL = "vod"
_EVENTS = "/api/v1/namespaces/{namespace}/events"
_METRICS = "/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/metrics"


@dataclass(slots=True, kw_only=True)
class Patient:
    """A pool of a site's own, and its first pod.

    Attributes:
        site: where it lives.
        observer: what it sees of the site is looked at again.
        pod: its name; empty while there is none.
        job: in its hand; empty if there is none.
        harmed: when the fault was made, wall time.
    """

    site: Site
    observer: Observer
    pod: str = ""
    job: str = ""
    harmed: float = field(default_factory=time.time)

    @property
    def uid(self) -> str:
        return str(self._pod()["metadata"]["uid"])

    @property
    def way(self) -> Way:
        """From the pod to the server."""
        return Way(pod=self._pod()["status"]["podIP"], port=server_port(self.site))

    def processes(self, part: Part) -> list[PodProcess]:
        return processes.find(self.uid, part)

    def await_processes(self, part: Part, *, seconds: float = 30) -> list[PodProcess]:
        """As soon as there are any."""
        return until(lambda: self.processes(part), f"a process {part.value} in pod {self.pod}", seconds=seconds)

    def first_shown(self, reason: str) -> float | None:
        """When a condition of the pool has shown the reason first since the harm; it may show another one by now."""
        versions = self.observer.versions(self.site.namespace)
        shown = (one.at for one in versions if one.kind is Kind.POOL and reason in _reasons(one))
        return next((at for at in shown if at >= self.harmed), None)

    def await_shown(self, reason: str, *, within: float) -> float:
        """How many seconds after the harm a condition of the pool showed the reason.

        Raises:
            StageError: it was not shown in time.
        """
        left = self.harmed + within - time.time()
        what = f"{reason} in the conditions of pool {POOL}"
        found = until(lambda: self.first_shown(reason), what, seconds=left, evidence=self.site.describe, every=0.5)
        assert found is not None
        return found - self.harmed

    def await_event(self, reason: str, *, seconds: float = 10) -> Json:
        """An event about the pool with a reason."""
        path = _EVENTS.format(namespace=self.site.namespace)

        def told() -> list[Json]:
            return [event for event in self.site.reader.items(path) if event["reason"] == reason]

        return until(told, f"an event {reason}", seconds=seconds, evidence=self.site.describe, every=0.5)[0]

    def failures(self) -> Mapping[str, float]:
        """What the operator's metric counts of the pool's pods, by cause."""
        return by_cause(operator_metrics(self.site), "runnerpool_pods_failed_total", self._key)

    def lost_work(self) -> Mapping[str, float]:
        """What the operator's metric counts of work in vain in the pool's pods that have ended, by cause."""
        return by_cause(operator_metrics(self.site), "runnerpool_lost_work_seconds_total", self._key)

    def lost_by_the_agent(self) -> Mapping[str, float]:
        """What the metric of the pod's own agent counts of work in vain, by cause."""
        return by_cause(metrics(self.site, self.site.namespace, self.pod), "runnerpool_agent_lost_seconds_total", {})

    @property
    def agent(self) -> Mapping[str, Any]:
        """What the pod's agent says at `/status`; nothing while it does not answer."""
        return self.site.reader.agent_status(self.site.namespace, self.pod) or {}

    def await_no_row_without_a_pod(self, *, seconds: float) -> None:
        """The server has no runner whose pod has ended or gone."""

        def left() -> set[str]:
            return set(self.site.server.client.registered()) - set(unfinished_pods(self.site))

        until(lambda: not left(), "the end of rows without a pod", seconds=seconds, evidence=left, every=1.0)

    def serve_another(self, *, within: float) -> None:
        """Put one more job into the queue, and wait until it is done."""
        (job,) = self.site.enqueue(1, seconds=1)
        self.site.await_step(job, "completed", seconds=within)

    @property
    def _key(self) -> Mapping[str, str]:
        return {"namespace": self.site.namespace, "pool": POOL}

    def _pod(self) -> Mapping[str, Any]:
        heard = self.site.pod(self.pod)
        assert heard is not None, f"pod {self.pod} was never heard of"
        return heard


def server_port(site: Site) -> int:
    """Where the site's server listens."""
    return int(site.server.url.rpartition(":")[2])


def everybodys_way(site: Site) -> Way:
    """From all pods to the site's server, the operator's included."""
    return Way(pod=None, port=server_port(site))


def operator_metrics(site: Site) -> str:
    """What the operator's `/metrics` says."""
    listed = site.reader.pods(NAMESPACE)
    (name,) = [pod["metadata"]["name"] for pod in listed if pod["status"].get("phase") == "Running"]
    return metrics(site, NAMESPACE, name)


def metrics(site: Site, namespace: str, pod: str) -> str:
    """What a pod's `/metrics` says."""
    return site.cluster.kubectl("get", "--raw", _METRICS.format(namespace=namespace, pod=pod)).stdout


def by_cause(exposition: str, name: str, labels: Mapping[str, str]) -> Mapping[str, float]:
    """What a metric with the label `cause` counts, for those of its samples that bear these labels too."""
    return {found["cause"]: value for found, value in samples(exposition, name, labels)}


def unfinished_pods(site: Site) -> list[str]:
    """Those that have not ended."""
    pods = site.reader.pods(site.namespace)
    return [pod["metadata"]["name"] for pod in pods if pod["status"].get("phase") not in {"Succeeded", "Failed"}]


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _reasons(version: Version) -> frozenset[str]:
    conditions = version.body.get("status", {}).get("conditions") or ()
    return frozenset(str(condition["reason"]) for condition in conditions)
