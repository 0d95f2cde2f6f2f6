"""What can befall one runner pod: each harm is made once, and what it needs undone is undone by its context."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.chaos import node, packets, processes
from support.chaos.patient import Patient, is_ready
from support.chaos.processes import Part
from support.cluster.local import LocalCluster
from support.stage.pools import POOL_KIND
from support.stage.waiting import until

Harm = Callable[[Patient], Iterator[None]]
_EVERY_SECONDS = 0.3
_END_SECONDS = 10.0
_ANOTHER_SECONDS = 60.0
_MEBIBYTES_OVER = 1536
_REGISTER = "/api/v1/runners/register"
MISSING_IMAGE = "localhost/no-such-runner:1"


def runner_killed(patient: Patient) -> Iterator[None]:
    """Whenever there is one."""
    yield from _again_and_again(lambda: processes.kill(patient.processes(Part.RUNNER)))


def runner_frozen(patient: Patient) -> Iterator[None]:
    """The one that there is now."""
    with processes.frozen(process.identity for process in patient.await_processes(Part.RUNNER)):
        yield


def ffmpeg_frozen(patient: Patient) -> Iterator[None]:
    """Those that there are now."""
    with processes.frozen(process.identity for process in patient.await_processes(Part.FFMPEG)):
        yield


def unregistered(patient: Patient) -> Iterator[None]:
    """By the server's administrator."""
    for row in patient.site.server.client.runners():
        if row["name"] == patient.pod:
            patient.site.server.client.delete_runner(row["id"])
    yield


def cancelled(patient: Patient) -> Iterator[None]:
    """The job, by the server's administrator."""
    patient.site.server.client.cancel(patient.job)
    yield


def given_to_another(patient: Patient) -> Iterator[None]:
    """The job: the pod is cut off until the server has taken the job back and another pod has it.

    The other one is ordered beforehand: a pod that is cut off still counts as one that may take the job.
    """
    _patch(patient, '{"spec": {"scaling": {"minReplicas": 2}}}')
    until(
        lambda: sum(map(is_ready, patient.site.reader.pods(patient.site.namespace))) >= 2,
        "a second ready pod",
        seconds=_ANOTHER_SECONDS,
        evidence=patient.site.describe,
    )
    with packets.dropped(patient.way):
        until(
            lambda: patient.site.holders().get(patient.job, patient.pod) != patient.pod,
            "the job in another pod's hand",
            seconds=_ANOTHER_SECONDS,
            evidence=patient.site.describe,
        )
    patient.harmed = time.time()
    yield


def scratch_full(patient: Patient) -> Iterator[None]:
    """A little more than the room that the pool's pods are given."""
    with node.filled(node.scratch(_local(patient), patient.uid), size=int(2 * 2**30 * 1.01)):
        yield


def out_of_memory(patient: Patient) -> Iterator[None]:
    first = patient.await_processes(Part.AGENT)
    node.exhaust_memory(patient.site.cluster, patient.site.namespace, patient.pod, first, mebibytes=_MEBIBYTES_OVER)
    yield


def image_missing(patient: Patient) -> Iterator[None]:
    """For pods that are yet to be made."""
    _patch(patient, f'{{"spec": {{"runner": {{"image": "{MISSING_IMAGE}"}}}}}}')
    try:
        yield
    finally:
        _patch(patient, '{"spec": {"runner": {"image": null}}}')


def registration_refused(patient: Patient) -> Iterator[None]:
    """Of any runner, by the server."""
    patient.site.server.client.put_in_fault("status", path=_REGISTER, status=400)
    try:
        yield
    finally:
        patient.site.server.client.lift_faults()


def deaf(patient: Patient) -> Iterator[None]:
    """Runners that are yet to start never get further than their first look for jobs, which gets no answer."""
    before = list((patient.site.pool() or {})["spec"].get("podTemplate", {}).get("env") or [])
    _patch(patient, _env([*before, {"name": "STAND_IN_WEDGE", "value": "1"}]))
    try:
        yield
    finally:
        _patch(patient, _env(before))


def _env(variables: list[dict[str, str]]) -> str:
    return json.dumps({"spec": {"podTemplate": {"env": variables}}})


def _patch(patient: Patient, patch: str) -> None:
    patient.site.kubectl("patch", POOL_KIND, "vod", "--type=merge", f"--patch={patch}")


def _local(patient: Patient) -> LocalCluster:
    assert isinstance(patient.site.cluster, LocalCluster)
    return patient.site.cluster


def _again_and_again(act: Callable[[], None]) -> Iterator[None]:
    with _repeated(act):
        yield


@contextmanager
def _repeated(act: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(_EVERY_SECONDS):
            act()

    thread = threading.Thread(target=work, name="harm")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_END_SECONDS)
