"""A runner falls sick in each way there is: it is told by its cause, and its queue is served again without a human.

They fall sick side by side, a few at a time, and the tests ask one after the other how each of them fared.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from support.chaos import harms
from support.chaos.patient import POOL, Patient, operator_metrics, unfinished_pods
from support.chaos.sickness import Sickness, sick
from support.cluster.backends import ClusterBackend
from support.cluster.local import LocalCluster
from support.observer.observer import observe
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.kube import KubeReader
from support.stage.operator import Operator
from support.stage.samples import samples
from support.stage.site import site
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

# More at once keep two cores so busy that the operator itself is late.
BEDS = 5
SERVED_SECONDS = 90.0
COUNTED_SECONDS = 15.0
BOOKED_SECONDS = 60.0
CLEARED_SECONDS = 60.0

# Those that take longest come first.
FATAL: Mapping[str, Sickness] = {
    "it is deaf": Sickness(
        harm=harms.deaf,
        reason="RunnerDeaf",
        within=120,
        study=("R75",),
        before=True,
        job_seconds=2,
        lifecycle={"deafToleranceSeconds": 10},
    ),
    "FFmpeg hangs": Sickness(
        harm=harms.ffmpeg_frozen,
        reason="RunnerHung",
        within=90,
        study=("R75",),
        lifecycle={"stallToleranceSeconds": 30},
    ),
    "its image is missing": Sickness(
        harm=harms.image_missing,
        reason="ImagePullFailed",
        within=60,
        study=("R43",),
        before=True,
        job_seconds=2,
        lifecycle={"startupDeadlineSeconds": 40},
    ),
    "its scratch volume is full": Sickness(
        harm=harms.scratch_full, reason="ScratchFull", within=90, study=("R46",), job_seconds=120
    ),
    "the administrator unregisters it": Sickness(
        harm=harms.unregistered,
        reason="RunnerUnregistered",
        within=60,
        study=("R76",),
        job_seconds=60,
        # The server credits the job to nobody any more: a pod that looks idle must not be let go before it is told.
        idle_seconds=120,
    ),
    "its runner is killed whenever it starts": Sickness(
        harm=harms.runner_killed, reason="RunnerCrashed", within=60, study=("R44",)
    ),
    "it runs out of memory": Sickness(harm=harms.out_of_memory, reason="OutOfMemory", within=45, study=("R45",)),
}
# No pod fails by what befalls one that goes on: its agent tells it at once, and its pool when it ends.
HEALED_BY_THE_AGENT: Mapping[str, Sickness] = {
    "its job is given to another": Sickness(
        harm=harms.given_to_another,
        reason="LostJob",
        within=60,
        study=("R75",),
        job_seconds=90,
        idle_seconds=600,
        clock_divisor=10,
    ),
    "its runner is frozen": Sickness(
        harm=harms.runner_frozen, reason="RunnerSilent", within=60, study=("R48",), idle_seconds=600
    ),
    "the administrator cancels its job": Sickness(
        harm=harms.cancelled, reason="LostJob", within=60, study=("R75",), job_seconds=90, idle_seconds=600
    ),
}
# There is no pod to fail.
UNBORN = "its registration is refused"
REFUSED = Sickness(
    harm=harms.registration_refused,
    reason="RegistrationFailed",
    within=30,
    study=("R51",),
    before=True,
    job_seconds=2,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one of them fared. Seconds from the harm until its cause showed, and from its end until a job was done."""

    told: float
    healed: float


@pytest.fixture(scope="module")
def courses(
    operator: Operator, node_cluster: ClusterBackend, kube: KubeReader, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Course]]]:
    """Everybody falls sick; the observer judges all of it when the last test is done."""
    if not isinstance(node_cluster, LocalCluster):
        pytest.skip("the harms reach into the local cluster's node")
    directory = tmp_path_factory.mktemp("ward")
    everybody = [
        *((name, one, _go_on) for name, one in HEALED_BY_THE_AGENT.items()),
        *((name, one, _be_replaced) for name, one in FATAL.items()),
        (UNBORN, REFUSED, _be_refused),
    ]
    made = {}
    with observe(node_cluster) as observer, ExitStack() as sites, ThreadPoolExecutor(BEDS) as beds:
        observer.suspend(Invariant.BACK_TO_GOAL, because="pods keep falling sick")
        for name, sickness, course in everybody:
            # Servers must be started from the main thread.
            place = sites.enter_context(site(observer, kube, directory, clock_divisor=sickness.clock_divisor))
            made[name] = beds.submit(course, Patient(site=place, observer=observer), sickness)
        yield made


def _be_replaced(patient: Patient, sickness: Sickness) -> Course:
    with sick(patient, sickness) as harm:
        told = _await_told(patient, sickness)
        _await_counted(patient.failures, sickness.reason, seconds=COUNTED_SECONDS + patience(sickness))
        healed = _heal(patient, harm)
        patient.await_no_row_without_a_pod(seconds=CLEARED_SECONDS)
        return Course(told=told, healed=healed)


def patience(sickness: Sickness) -> int:
    """A pod that does not start is given up, and counted, when its time to start is over."""
    return sickness.lifecycle.get("startupDeadlineSeconds", 0)


def _be_refused(patient: Patient, sickness: Sickness) -> Course:
    with sick(patient, sickness) as harm:
        told = _await_told(patient, sickness)
        calls = {"server": patient.site.server.url.partition("://")[2], "operation": "register", "code": "400"}
        until(
            lambda: samples(operator_metrics(patient.site), "runnerpool_peertube_requests_total", calls),
            "refused registrations in the metrics",
            seconds=COUNTED_SECONDS,
            every=2.0,
        )
        assert patient.failures() == {}
        return Course(told=told, healed=_heal(patient, harm))


def _go_on(patient: Patient, sickness: Sickness) -> Course:
    with sick(patient, sickness) as harm:
        left = patient.harmed + sickness.within - time.time()
        until(
            lambda: sickness.reason in patient.agent.get("lostSeconds", {}),
            f"{sickness.reason} at {patient.pod}'s /status",
            seconds=left,
            evidence=lambda: patient.agent,
            every=0.5,
        )
        told = time.time() - patient.harmed
        assert patient.lost_by_the_agent()[sickness.reason] > 0
        healed = _heal(patient, harm)
        assert patient.pod in unfinished_pods(patient.site)
        assert patient.failures() == {}
        _await_told_at_the_end(patient, sickness.reason)
        return Course(told=told, healed=healed)


def _await_told(patient: Patient, sickness: Sickness) -> float:
    """In a condition and in an event."""
    told = patient.await_shown(sickness.reason, within=sickness.within)
    patient.await_event(sickness.reason)
    return told


def _await_told_at_the_end(patient: Patient, cause: str) -> None:
    """The pod is let go; then its pool knows what it has cost, and says so."""
    patient.site.kubectl("patch", f"trp/{POOL}", "--type=merge", '--patch={"spec": {"mode": "Drain"}}')

    def booked() -> bool:
        entries = (patient.site.pool() or {}).get("status", {}).get("lostWork") or ()
        return any(entry["cause"] == cause and entry["seconds"] > 0 for entry in entries)

    until(booked, f"{cause} in status.lostWork", seconds=BOOKED_SECONDS, evidence=patient.site.describe, every=0.5)
    patient.await_event(cause)
    _await_counted(patient.lost_work, cause, seconds=COUNTED_SECONDS)


def _await_counted(count: Callable[[], Mapping[str, float]], cause: str, *, seconds: float) -> None:
    until(lambda: cause in count(), f"{cause} in the metrics", seconds=seconds, evidence=count, every=2.0)


def _heal(patient: Patient, harm: ExitStack) -> float:
    """End the harm, and see the queue served: seconds."""
    harm.close()
    begun = time.monotonic()
    patient.serve_another(within=SERVED_SECONDS)
    return time.monotonic() - begun


def _cases(sicknesses: Mapping[str, Sickness]) -> list[object]:
    return [pytest.param(name, id=name, marks=pytest.mark.fault(*one.study)) for name, one in sicknesses.items()]


def _report(case: Case, sickness: Sickness, course: Course) -> None:
    case.told(sickness.reason, course.told)
    case.healed(course.healed)


@pytest.mark.parametrize("name", _cases(FATAL))
def test_a_pod_that_fails_is_told_of_by_condition_event_and_metric_and_its_queue_is_served_again(
    courses: Mapping[str, Future[Course]], case: Case, name: str
) -> None:
    _report(case, FATAL[name], courses[name].result())


@pytest.mark.parametrize("name", _cases({UNBORN: REFUSED}))
def test_a_runner_that_the_server_refuses_is_told_of_though_there_is_no_pod_and_costs_none(
    courses: Mapping[str, Future[Course]], case: Case, name: str
) -> None:
    _report(case, REFUSED, courses[name].result())


@pytest.mark.parametrize("name", _cases(HEALED_BY_THE_AGENT))
def test_what_an_agent_heals_by_itself_costs_no_pod_and_is_told_by_it_at_once_and_by_the_pool_at_the_pods_end(
    courses: Mapping[str, Future[Course]], case: Case, name: str
) -> None:
    _report(case, HEALED_BY_THE_AGENT[name], courses[name].result())
