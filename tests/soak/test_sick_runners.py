"""A runner falls sick in each way there is: the pool says so, and its queue is served again without a human.

All patients fall sick at once, each in a namespace with a server of its own; the tests then look at them one after the
other. In the soak the server's watchdog and the runners' heartbeat run in real time; else ten times as fast.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.chaos import harms
from support.chaos.harms import Harm
from support.chaos.patient import Patient, pod_names
from support.chaos.processes import Part
from support.cluster.backends import ClusterBackend
from support.cluster.local import LocalCluster
from support.observer.observer import Observer, observe
from support.observer.records import Invariant
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.errors import StageError
from support.stage.kube import KubeReader
from support.stage.operator import Operator
from support.stage.pools import WEB_VIDEO
from support.stage.site import site
from support.stage.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(420)]

CLOCK_DIVISOR = 1.0 if SOAKING else 10.0
# What is noticed by a heartbeat, which comes once a minute.
HEARTBEATS_SECONDS = 60.0 if SOAKING else 0.0
JOB_SECONDS = 240
SLOW = {"STAND_IN_READ_RATE": "1", "STAND_IN_CLOCK_DIVISOR": f"{CLOCK_DIVISOR:g}"}
TOLERANCES = {
    "unreadyToleranceSeconds": 10,
    "deafToleranceSeconds": 10,
    "stallToleranceSeconds": 30,
    "startupDeadlineSeconds": 30,
}
SERVED_SECONDS = 90 + HEARTBEATS_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sickness:
    """One way to fall sick.

    Attributes:
        harm: how it is brought about.
        reasons: the pool shows one of them.
        within: seconds after the harm, and a heartbeat in the soak.
        study: ids of the reliability study.
        before: the harm comes before there is a pod: it is about pods that are yet to start.
        failed: the operator counts a pod as failed by it.
    """

    harm: Harm
    reasons: frozenset[str]
    within: float
    study: tuple[str, ...]
    before: bool = False
    failed: bool = True


SICKNESSES: Mapping[str, Sickness] = {
    "its runner is killed whenever it starts": Sickness(
        harm=harms.runner_killed, reasons=frozenset({"RunnerCrashed"}), within=60, study=("R44",)
    ),
    "FFmpeg hangs": Sickness(harm=harms.ffmpeg_frozen, reasons=frozenset({"RunnerHung"}), within=90, study=("R75",)),
    "it is deaf": Sickness(harm=harms.deaf, reasons=frozenset({"RunnerDeaf"}), within=120, study=("R75",), before=True),
    "the administrator unregisters it": Sickness(
        harm=harms.unregistered, reasons=frozenset({"RunnerUnregistered"}), within=60, study=("R76",)
    ),
    "its scratch volume is full": Sickness(
        harm=harms.scratch_full, reasons=frozenset({"ScratchFull"}), within=60, study=("R46",)
    ),
    "it runs out of memory": Sickness(
        harm=harms.out_of_memory, reasons=frozenset({"OutOfMemory"}), within=30, study=("R45",)
    ),
    "its image is missing": Sickness(
        harm=harms.image_missing, reasons=frozenset({"ImagePullFailed"}), within=60, study=("R43",), before=True
    ),
    "its registration is refused": Sickness(
        harm=harms.registration_refused,
        reasons=frozenset({"RegistrationFailed"}),
        within=30,
        study=("R51",),
        before=True,
        failed=False,
    ),
}
# What befalls a pod that stays: no pod has failed by it.
LIGHT: Mapping[str, Sickness] = {
    "its runner is frozen": Sickness(
        harm=harms.runner_frozen, reasons=frozenset({"RunnerSilent"}), within=90, study=("R48",)
    ),
    "the administrator cancels its job": Sickness(
        harm=harms.cancelled, reasons=frozenset({"LostJob"}), within=60, study=("R75",)
    ),
    "its job is given to another": Sickness(
        harm=harms.given_to_another, reasons=frozenset({"LostJob"}), within=90, study=("R75",)
    ),
}


@dataclass(slots=True, kw_only=True)
class Ward:
    """All patients, by what they have; `over` ends a harm. One that could not be done fails the test that visits."""

    patients: dict[str, Patient] = field(default_factory=dict)
    harmed: dict[str, ExitStack] = field(default_factory=dict)
    unharmed: dict[str, StageError] = field(default_factory=dict)

    def visit(self, name: str) -> Patient:
        """Raises StageError: the harm could not be done."""
        if name in self.unharmed:
            raise self.unharmed[name]
        return self.patients[name]

    def over(self, name: str) -> None:
        self.harmed[name].close()


@pytest.fixture(scope="module")
def ward(
    operator: Operator, node_cluster: ClusterBackend, kube: KubeReader, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ward]:
    """Everybody falls sick; the observer judges all of it when the last test is done."""
    if not isinstance(node_cluster, LocalCluster):
        pytest.skip("the harms reach into the local cluster's node")
    directory = tmp_path_factory.mktemp("ward")
    made = Ward()
    sicknesses = {**SICKNESSES, **LIGHT}
    with observe(node_cluster) as observer, ExitStack() as stack:
        observer.suspend(Invariant.BACK_TO_GOAL, because="pods keep falling sick")
        for name in sicknesses:
            made.patients[name] = stack.enter_context(_patient(observer, kube, directory))
        stack.callback(lambda: _leave(made))
        for name, sickness in sicknesses.items():
            if sickness.before:
                _harm(made, name, sickness, stack)
        for patient in made.patients.values():
            (patient.job,) = patient.site.enqueue(1, seconds=JOB_SECONDS)
        for name, sickness in sicknesses.items():
            if not sickness.before:
                _admit(made.patients[name])
        for name, sickness in sicknesses.items():
            if not sickness.before:
                _harm(made, name, sickness, stack)
        yield made


@contextmanager
def _patient(observer: Observer, kube: KubeReader, directory: Path) -> Iterator[Patient]:
    with site(observer, kube, directory, clock_divisor=CLOCK_DIVISOR) as place:
        place.create_pool(job_types=(WEB_VIDEO,), max_replicas=2, env=SLOW, lifecycle=TOLERANCES)
        yield Patient(site=place, observer=observer)


def _admit(patient: Patient) -> None:
    """Wait until a pod has the job in hand, and FFmpeg is at it."""
    patient.pod = patient.site.await_holders([patient.job])[patient.job]
    patient.await_processes(Part.FFMPEG)


def _harm(ward: Ward, name: str, sickness: Sickness, stack: ExitStack) -> None:
    patient = ward.patients[name]
    ward.harmed[name] = own = stack.enter_context(ExitStack())
    patient.harmed = time.time()
    try:
        own.enter_context(contextmanager(sickness.harm)(patient))
    except StageError as error:
        ward.unharmed[name] = error


def _leave(ward: Ward) -> None:
    """Let all pools go at once: one after the other would take as long as all of them."""
    for patient in ward.patients.values():
        patient.site.kubectl(
            "patch", "trp/vod", "--type=merge", '--patch={"spec": {"lifecycle": {"deletionPolicy": "Abort"}}}'
        )
        patient.site.kubectl("delete", "trp/vod", "--wait=false")


def _cases(sicknesses: Mapping[str, Sickness]) -> list[object]:
    return [pytest.param(name, id=name) for name in sicknesses]


@pytest.mark.parametrize("name", _cases(SICKNESSES))
def test_a_pod_that_fails_is_told_of_by_condition_event_and_metric_and_its_queue_is_served_again(
    ward: Ward, case: Case, name: str
) -> None:
    patient, sickness = ward.visit(name), SICKNESSES[name]
    reason, seconds = patient.await_shown(sickness.reasons, within=sickness.within + HEARTBEATS_SECONDS)
    case.told(reason, seconds)
    patient.await_event(reason)
    if sickness.failed:
        until(lambda: patient.failures().get(reason, 0) >= 1, f"a pod counted as {reason}", seconds=15)
    ward.over(name)
    begun = time.monotonic()
    patient.serve_another(within=SERVED_SECONDS)
    case.healed(time.monotonic() - begun)
    if patient.pod:
        patient.await_gone(seconds=60)
    until(lambda: set(patient.site.server.client.registered()) <= set(pod_names(patient.site)),
          "the end of rows without a pod", seconds=60)  # fmt: skip


@pytest.mark.parametrize("name", _cases(LIGHT))
def test_what_an_agent_heals_by_itself_costs_no_pod_and_stands_in_its_ledger(ward: Ward, case: Case, name: str) -> None:
    patient, sickness = ward.visit(name), LIGHT[name]
    (cause,) = sickness.reasons
    left = max(1.0, patient.harmed + sickness.within + HEARTBEATS_SECONDS - time.time())
    until(lambda: cause in lost_seconds(patient), f"{cause} in the ledger of {patient.pod}", seconds=left,
          evidence=lambda: agent_status(patient))  # fmt: skip
    ward.over(name)
    patient.serve_another(within=SERVED_SECONDS)
    assert patient.pod in pod_names(patient.site)
    assert patient.failures() == {}
    case.told(cause, time.time() - patient.harmed)


def agent_status(patient: Patient) -> Mapping[str, object]:
    return patient.site.reader.agent_status(patient.site.namespace, patient.pod) or {}


def lost_seconds(patient: Patient) -> Mapping[str, float]:
    found = agent_status(patient).get("lostSeconds", {})
    assert isinstance(found, dict)
    return found
