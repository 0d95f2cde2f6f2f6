"""The faults of `make chaos`, each on a victim of a running site; what lasts is undone by its context."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from support.chaos import links, node, packets, processes
from support.chaos.packets import Direction
from support.chaos.patient import Patient, is_ready
from support.chaos.processes import Part
from support.chaos.schedule import Blow, victim
from support.cluster.local import LocalCluster
from support.observer.observer import Observer
from support.stage.operator import NAMESPACE
from support.stage.site import Site

_LOSSY, _SLOW_KILOBITS = 0.3, 256
_KUBELET_SECONDS = 10.0


class Kind(StrEnum):
    """What may come."""

    RUNNER_KILLED = "runner killed"
    RUNNER_FROZEN = "runner frozen"
    FFMPEG_KILLED = "FFmpeg killed"
    FFMPEG_FROZEN = "FFmpeg frozen"
    AGENT_KILLED = "agent killed"
    AGENT_FROZEN = "agent frozen"
    CUT = "pod cut off from the server"
    DEAF_CUT = "server's answers to a pod dropped"
    LOSSY = "lossy link"
    SLOW = "slow link"
    SERVER_AWAY = "server out of reach for all"
    UNREGISTERED = "runner unregistered"
    POD_DELETED = "pod deleted"
    KUBELET_FROZEN = "kubelet frozen"
    OPERATOR_KILLED = "operator killed"
    OPERATOR_FROZEN = "operator frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where it happens. The cluster is local: the faults reach into its node."""

    site: Site
    cluster: LocalCluster
    observer: Observer

    def patient(self, choice: float) -> Patient | None:
        """One of the ready pods."""
        pods = self.site.reader.pods(self.site.namespace)
        ready = sorted(pod["metadata"]["name"] for pod in pods if is_ready(pod))
        name = victim(ready, choice)
        return Patient(site=self.site, observer=self.observer, pod=name) if name else None

    def operator(self) -> list[processes.PodProcess]:
        """The operator's processes, by its pods in the cluster."""
        pods = self.site.reader.pods(NAMESPACE)
        return [process for pod in pods for process in processes.processes(pod["metadata"]["uid"])]


Make = Callable[[Ground, Blow[Kind], ExitStack], bool]
"""Brings a fault about; False if there was nobody to be hit."""


def make(ground: Ground, blow: Blow[Kind], own: ExitStack) -> bool:
    """Bring a fault about; `own` ends it. False if there was nobody to be hit."""
    return _MADE_BY[blow.kind](ground, blow, own)


def end_of(blow: Blow[Kind]) -> float:
    """Seconds from the start. A kubelet stays away too short for its node to be given up: there is no other."""
    return blow.at + (min(blow.lasts, _KUBELET_SECONDS) if blow.kind is Kind.KUBELET_FROZEN else blow.lasts)


def _kill(part: Part) -> Make:
    def made(ground: Ground, blow: Blow[Kind], _: ExitStack) -> bool:
        patient = ground.patient(blow.choice)
        found = patient.processes(part) if patient else []
        processes.kill(found)
        return bool(found)

    return made


def _freeze(part: Part) -> Make:
    def made(ground: Ground, blow: Blow[Kind], own: ExitStack) -> bool:
        patient = ground.patient(blow.choice)
        found = patient.processes(part) if patient else []
        own.enter_context(processes.frozen([process.identity for process in found]))
        return bool(found)

    return made


def _drop(direction: Direction, share: float) -> Make:
    def made(ground: Ground, blow: Blow[Kind], own: ExitStack) -> bool:
        patient = ground.patient(blow.choice)
        if patient is None:
            return False
        own.enter_context(packets.dropped(patient.way, direction, share=share))
        return True

    return made


def _slow(ground: Ground, blow: Blow[Kind], own: ExitStack) -> bool:
    patient = ground.patient(blow.choice)
    agents = patient.processes(Part.AGENT) if patient else []
    if not agents:
        return False
    own.enter_context(links.slow(agents[0].pid, kilobits=_SLOW_KILOBITS))
    return True


def _server_away(ground: Ground, _: Blow[Kind], own: ExitStack) -> bool:
    own.enter_context(packets.dropped(packets.Way(pod=None, port=int(ground.site.server.url.rpartition(":")[2]))))
    return True


def _unregister(ground: Ground, blow: Blow[Kind], _: ExitStack) -> bool:
    patient = ground.patient(blow.choice)
    rows = [row for row in ground.site.server.client.runners() if patient and row["name"] == patient.pod]
    for row in rows:
        ground.site.server.client.delete_runner(row["id"])
    return bool(rows)


def _delete(ground: Ground, blow: Blow[Kind], _: ExitStack) -> bool:
    patient = ground.patient(blow.choice)
    if patient is None:
        return False
    ground.site.kubectl("delete", "pod", patient.pod, "--wait=false", "--ignore-not-found")
    return True


def _kubelet(ground: Ground, _: Blow[Kind], own: ExitStack) -> bool:
    own.enter_context(node.kubelet_stopped(ground.cluster))
    return True


def _kill_operator(ground: Ground, _: Blow[Kind], __: ExitStack) -> bool:
    found = ground.operator()
    processes.kill(found)
    return bool(found)


def _freeze_operator(ground: Ground, _: Blow[Kind], own: ExitStack) -> bool:
    found = ground.operator()
    own.enter_context(processes.frozen([process.identity for process in found]))
    return bool(found)


_MADE_BY: Mapping[Kind, Make] = {
    Kind.RUNNER_KILLED: _kill(Part.RUNNER),
    Kind.RUNNER_FROZEN: _freeze(Part.RUNNER),
    Kind.FFMPEG_KILLED: _kill(Part.FFMPEG),
    Kind.FFMPEG_FROZEN: _freeze(Part.FFMPEG),
    Kind.AGENT_KILLED: _kill(Part.AGENT),
    Kind.AGENT_FROZEN: _freeze(Part.AGENT),
    Kind.CUT: _drop(Direction.BOTH, packets.SURE),
    Kind.DEAF_CUT: _drop(Direction.IN, packets.SURE),
    Kind.LOSSY: _drop(Direction.BOTH, _LOSSY),
    Kind.SLOW: _slow,
    Kind.SERVER_AWAY: _server_away,
    Kind.UNREGISTERED: _unregister,
    Kind.POD_DELETED: _delete,
    Kind.KUBELET_FROZEN: _kubelet,
    Kind.OPERATOR_KILLED: _kill_operator,
    Kind.OPERATOR_FROZEN: _freeze_operator,
}
