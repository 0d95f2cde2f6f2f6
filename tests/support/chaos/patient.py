"""A pod that is to fall sick, with a job in hand, and all that shows of it: conditions, events, metrics, its end."""

import re
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
from support.stage.site import Site
from support.stage.waiting import until

POOL = "vod"
_EVENTS = "/api/v1/namespaces/{namespace}/events"
_METRICS = "/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/metrics"
_FAILED = re.compile(r"^runnerpool_pods_failed_total\{(?P<labels>[^}]*)\} (?P<value>\S+)$", re.MULTILINE)


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

    def first_shown(self, reasons: frozenset[str]) -> tuple[str, float] | None:
        """Which of the reasons a condition of the pool has shown first since the harm, and when."""
        for version in self.observer.versions(self.site.namespace):
            if version.kind is Kind.POOL and version.at >= self.harmed:
                shown = reasons & _reasons(version)
                if shown:
                    return min(shown), version.at
        return None

    def await_shown(self, reasons: frozenset[str], *, within: float) -> tuple[str, float]:
        """The reason, and how many seconds after the harm a condition showed it.

        Raises:
            StageError: none of them was shown in time.
        """
        left = max(1.0, self.harmed + within - time.time())
        what = f"one of {sorted(reasons)} in the conditions of pool {POOL}"
        found = until(lambda: self.first_shown(reasons), what, seconds=left, evidence=self.site.describe)
        assert found is not None
        reason, at = found
        return reason, at - self.harmed

    def await_event(self, reason: str, *, seconds: float = 10) -> Json:
        """An event about the pool with a reason."""
        path = _EVENTS.format(namespace=self.site.namespace)

        def told() -> list[Json]:
            return [event for event in self.site.reader.items(path) if event["reason"] == reason]

        return until(told, f"an event {reason}", seconds=seconds, evidence=self.site.describe)[0]

    def failures(self) -> Mapping[str, float]:
        """What the operator's metric counts of the pool's pods, by cause."""
        counts = {}
        for labels, value in _FAILED.findall(operator_metrics(self.site)):
            named = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if (named["namespace"], named["pool"]) == (self.site.namespace, POOL):
                counts[named["cause"]] = float(value)
        return counts

    def await_gone(self, *, seconds: float) -> None:
        """The pod is not there any more."""
        until(lambda: self.pod not in pod_names(self.site), f"the end of pod {self.pod}", seconds=seconds,
              evidence=self.site.describe)  # fmt: skip

    def serve_another(self, *, within: float) -> None:
        """Put one more job into the queue, and wait until it is done."""
        (job,) = self.site.enqueue(1, seconds=1)
        self.site.await_step(job, "completed", seconds=within)

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
    return site.cluster.kubectl("get", "--raw", _METRICS.format(namespace=NAMESPACE, pod=name)).stdout


def pod_names(site: Site) -> list[str]:
    return [pod["metadata"]["name"] for pod in site.reader.pods(site.namespace)]


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _reasons(version: Version) -> frozenset[str]:
    conditions = version.body.get("status", {}).get("conditions") or ()
    return frozenset(str(condition["reason"]) for condition in conditions)
