"""The kubelet stops: its node is lost. In a file of its own, since every other test needs the one node there is."""

import json
import time

import pytest

from support.chaos import node
from support.chaos.patient import Patient, is_ready
from support.chaos.processes import Part
from support.cluster.backends import ClusterBackend
from support.cluster.local import LocalCluster
from support.observer.observer import Observer
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

JOB_SECONDS = 240
SLOW = {"STAND_IN_READ_RATE": "1", "STAND_IN_CLOCK_DIVISOR": "10"}
TOLERANCE_SECONDS = 5
# The local cluster's controller manager gives a node up after 20 to 25 s.
NODE_LOST_SECONDS = 45
READY_SECONDS = 30
SERVED_SECONDS = 90


@pytest.mark.fault("R41")
def test_a_stopped_kubelet_is_told_of_as_a_lost_node_and_its_pods_are_counted_again_when_it_is_back(
    here: Site, observer: Observer, case: Case, node_cluster: ClusterBackend
) -> None:
    if not isinstance(node_cluster, LocalCluster):
        pytest.skip("the kubelet of another cluster is not ours to stop")
    observer.suspend(Invariant.BACK_TO_GOAL, because="there is no node")
    lifecycle = {"unreadyToleranceSeconds": TOLERANCE_SECONDS}
    here.create_pool(job_types=(WEB_VIDEO,), max_replicas=1, env=SLOW, lifecycle=lifecycle)
    patient = Patient(site=here, observer=observer)
    (patient.job,) = here.enqueue(1, seconds=JOB_SECONDS)
    patient.pod = here.await_holders([patient.job])[patient.job]
    patient.await_processes(Part.FFMPEG)
    # Only readiness that was there can be taken away; a pod that was never ready is a late one.
    until(lambda: is_ready(here.pod(patient.pod) or {}), f"pod {patient.pod} ready", seconds=READY_SECONDS)
    with node.kubelet_stopped(node_cluster):
        patient.harmed = time.time()
        case.told("NodeLost", patient.await_shown("NodeLost", within=NODE_LOST_SECONDS))
        patient.await_event("NodeLost")
        until(lambda: "NodeLost" in patient.failures(), "a lost pod counted", seconds=TOLERANCE_SECONDS + 15, every=2.0)
        assert not deleted(here, patient.pod), "a pod that may still run was deleted"
    begun = time.monotonic()
    here.server.client.cancel(patient.job)
    patient.serve_another(within=SERVED_SECONDS)
    case.healed(time.monotonic() - begun)


def deleted(place: Site, pod: str) -> bool:
    heard = place.pod(pod)
    return heard is None or "deletionTimestamp" in json.dumps(heard["metadata"])
