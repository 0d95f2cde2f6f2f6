"""Contact lost: by one pod for long, by one pod for a minute, and by everybody. Real packets, dropped on the node.

Three places live through it side by side, since all of it is waiting. In the soak the cut lasts 4 minutes and the
outage 10, with the defaults; else the one server's watchdog runs 2.5 times as fast, and the tolerance is 10 s. Faster
would be no use: an agent takes up to 20 s to notice a cut, and another pod must be there when the job comes back.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from peers.peertube.client import JobSteps
from support.chaos import packets
from support.chaos.patient import Patient, everybodys_way, is_ready
from support.cluster.backends import ClusterBackend
from support.cluster.local import LocalCluster
from support.observer import objects
from support.observer.observer import Observer, observe
from support.observer.records import Change, Invariant, Kind, Version
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.figures import when
from support.stage.kube import KubeReader
from support.stage.operator import Operator
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site, site

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500 if SOAKING else 420)]

CLOCK_DIVISOR = 1.0 if SOAKING else 2.5
TOLERANCE_SECONDS = 60 if SOAKING else 10
CUT_SECONDS = 240 if SOAKING else 85
SHORT_CUT_SECONDS = 60
OUTAGE_SECONDS = 600 if SOAKING else 60
UNREADY_WITHIN = REPLACED_WITHIN = GONE_WITHIN = 30.0
TAKEN_AGAIN_WITHIN = 10.0
SERVED_WITHIN = 90.0
LONG_JOB_SECONDS = 420
# In less than another pod takes to start: the old one is the first that could take it.
TEMPTED_BEFORE = 1.0
TEMPTING_JOB_SECONDS = 60
# Longer than the cut, so that it ends when contact is back.
SURVIVING_JOB_SECONDS = 100
# So long that its runner, told in the outage to finish, is still at it when pods are judged again. In the soak the
# server has taken the job back by then.
OUTAGE_JOB_SECONDS = SURVIVING_JOB_SECONDS if SOAKING else OUTAGE_SECONDS + 80
LIFECYCLE = {"unreadyToleranceSeconds": TOLERANCE_SECONDS}
# Progress is reported every 6 s instead of once a minute: a silence of 60 s is then one of the cut alone.
SLOW = {"STAND_IN_READ_RATE": "1", "STAND_IN_CLOCK_DIVISOR": "10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A pod with a job in hand, cut off from its server for a while. Wall times.

    Attributes:
        tempting: A job that was queued in the last moment of the cut, if one was: pending when contact is back.
    """

    patient: Patient
    begin: float
    end: float
    tempting: str = ""

    @property
    def pods(self) -> list[Version]:
        """All that was heard of the site's pods."""
        return [version for version in self.patient.observer.versions(self.patient.site.namespace)
                if version.kind is Kind.POD]  # fmt: skip

    def shown(self, reason: str) -> float:
        """When a condition of the site's pool showed the reason first."""
        versions = self.patient.observer.versions(self.patient.site.namespace)
        pools = [version for version in versions if version.kind is Kind.POOL and version.at > self.begin]
        return first(pools, lambda version: objects.shows(version.body, reason))

    @property
    def steps(self) -> JobSteps:
        return self.patient.site.steps(self.patient.job)

    def others(self) -> list[Version]:
        return [version for version in self.pods if version.name != self.patient.pod]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What happened in the three places."""

    cut: Loss
    short_cut: Loss
    outage: Loss


@pytest.fixture(scope="module")
def night(
    operator: Operator, node_cluster: ClusterBackend, kube: KubeReader, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Night]:
    """Live through all three losses; judged by the tests, and by the observer when the last of them is done."""
    if not isinstance(node_cluster, LocalCluster):
        pytest.skip("packets are dropped by the local cluster's node")
    directory = tmp_path_factory.mktemp("contact")
    with observe(node_cluster) as observer, ExitStack() as stack:
        observer.suspend(Invariant.BACK_TO_GOAL, Invariant.HONEST_STATUS, because="servers are out of reach")
        observer.suspend(Invariant.QUIET, because="a cut shows in no object, and every step that answers it is written")
        order = ((CLOCK_DIVISOR, LONG_JOB_SECONDS), (1.0, SURVIVING_JOB_SECONDS), (1.0, OUTAGE_JOB_SECONDS))
        patients = [
            _patient(stack.enter_context(site(observer, kube, directory, clock_divisor=divisor)), observer, seconds)
            for divisor, seconds in order
        ]
        for patient in patients:
            patient.pod = patient.site.await_holders([patient.job])[patient.job]
        yield _live_through(*patients)


def _patient(place: Site, observer: Observer, seconds: int) -> Patient:
    place.create_pool(job_types=(WEB_VIDEO,), max_replicas=2, env=SLOW, lifecycle=LIFECYCLE, idle_seconds=600)
    (job,) = place.enqueue(1, seconds=seconds)
    return Patient(site=place, observer=observer, job=job)


def _live_through(cut: Patient, short_cut: Patient, outage: Patient) -> Night:
    time.sleep(5)  # into their jobs
    ways = [(CUT_SECONDS, cut.way), (SHORT_CUT_SECONDS, short_cut.way), (OUTAGE_SECONDS, everybodys_way(outage.site))]
    begin, ends = time.time(), [0.0, 0.0, 0.0]
    with ExitStack() as stack:
        dropping = [stack.enter_context(ExitStack()) for _ in ways]
        for own, (_, way) in zip(dropping, ways, strict=True):
            own.enter_context(packets.dropped(way))
        for seconds, number in sorted((seconds, number) for number, (seconds, _) in enumerate(ways)):
            time.sleep(max(0.0, begin + seconds - TEMPTED_BEFORE - time.time()))
            if number == 0:
                (tempting,) = cut.site.enqueue(1, seconds=TEMPTING_JOB_SECONDS)
            time.sleep(max(0.0, begin + seconds - time.time()))
            dropping[number].close()
            ends[number] = time.time()
    time.sleep(max(0.0, max(ends) + GONE_WITHIN + 5 - time.time()))
    return Night(
        cut=Loss(patient=cut, begin=begin, end=ends[0], tempting=tempting),
        short_cut=Loss(patient=short_cut, begin=begin, end=ends[1]),
        outage=Loss(patient=outage, begin=begin, end=ends[2]),
    )


def first(versions: list[Version], met: Any) -> float:
    found = [version.at for version in versions if met(version)]
    assert found, "it never came to that"
    return min(found)


@pytest.mark.soak
@pytest.mark.fault("R75")
def test_a_pod_cut_off_in_mid_job_is_replaced_and_never_takes_a_job_again(
    night: Night, case: Case, counted: dict[str, int]
) -> None:
    loss = night.cut
    old = [version for version in loss.pods if version.name == loss.patient.pod and version.at > loss.begin]
    unready = first(old, lambda version: not is_ready(version.body))
    replaced = first(loss.others(), lambda version: is_ready(version.body))
    reclaimed, again = when(loss.steps, "watchdog"), _second_accept(loss)
    gone = first(old, lambda version: version.change is Change.DELETED)
    assert reclaimed is not None
    counted |= {
        "seconds from the cut until the pod was unready": round(unready - loss.begin),
        "seconds from the end of the tolerance until its replacement was ready": round(
            replaced - unready - TOLERANCE_SECONDS
        ),
        "seconds from the job's return to the queue until it was in work again": round(again - reclaimed),
        "seconds from the end of the cut until the old pod was gone": round(gone - loss.end),
    }
    # Which pod cannot reach the server, and that it cannot, only the pod knows.
    case.told("Unready", loss.shown("Unready") - loss.begin)
    assert unready - loss.begin <= UNREADY_WITHIN
    assert replaced - unready <= TOLERANCE_SECONDS + REPLACED_WITHIN
    assert again - reclaimed <= TAKEN_AGAIN_WITHIN
    assert 0 <= gone - loss.end <= GONE_WITHIN
    taken = [step for step in loss.patient.site.steps(loss.tempting).history if step["cause"] == "accept"]
    assert len(taken) == 1
    assert taken[0]["runner"] != loss.patient.pod
    assert loss.patient.pod not in loss.patient.site.server.client.registered()


def _second_accept(loss: Loss) -> float:
    accepts = [step for step in loss.steps.history if step["cause"] == "accept"]
    assert [step["runner"] for step in accepts].count(loss.patient.pod) == 1, "the old pod took the job again"
    assert len(accepts) == 2
    return datetime.fromisoformat(accepts[1]["time"]).timestamp()


@pytest.mark.soak
@pytest.mark.fault("R75")
def test_a_cut_of_a_minute_costs_not_one_second_of_the_encode(night: Night, case: Case) -> None:
    loss = night.short_cut
    steps = loss.patient.site.await_step(loss.patient.job, "completed", seconds=SERVED_WITHIN)
    assert (steps.count("accept"), steps.count("watchdog"), steps.count("abort")) == (1, 0, 0)
    uploaded = when(steps, "success")
    assert uploaded is not None
    case.healed(max(0.0, uploaded - loss.end))


@pytest.mark.soak
@pytest.mark.fault("R59")
def test_a_server_away_for_everybody_costs_no_pod_and_work_goes_on_when_it_is_back(night: Night, case: Case) -> None:
    loss = night.outage
    during = [version for version in loss.pods if loss.begin <= version.at <= loss.end]
    assert [version.name for version in during if version.change is not Change.MODIFIED] == []
    assert [version.name for version in during if "runnerpool.dev/drain" in json.dumps(version.body["metadata"])] == []
    assert {version.name for version in loss.pods} == {loss.patient.pod}
    steps = loss.patient.site.await_step(loss.patient.job, "completed", seconds=SERVED_WITHIN + OUTAGE_JOB_SECONDS)
    assert {step["runner"] for step in steps.history if step["cause"] == "accept"} == {loss.patient.pod}
    loss.patient.serve_another(within=SERVED_WITHIN)
    case.healed(time.time() - loss.end)
