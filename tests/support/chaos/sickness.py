"""What a patient may suffer from, and how it is brought to it: a pool, a pod at work, the harm."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from support.chaos.harms import Harm
from support.chaos.patient import Patient
from support.chaos.processes import Part
from support.stage import pools
from support.stage.pools import WEB_VIDEO

_HELD_SECONDS = 90.0
# A job takes as long as its video; progress is reported every 6 s instead of once a minute.
_SLOW = {"STAND_IN_READ_RATE": "1", "STAND_IN_CLOCK_DIVISOR": "10"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sickness:
    """One way to fall sick.

    Attributes:
        harm: how it is brought about.
        reason: what is told of it.
        within: seconds after the harm.
        study: ids of the reliability study.
        before: the harm comes before there is a pod: it is about pods that are yet to start.
        job_seconds: how long the job takes that the pod has in hand, or that waits for it.
        lifecycle: of the pool, where it is not the default.
        idle_seconds: of the pool.
        clock_divisor: the server's watchdog runs so much faster.
    """

    harm: Harm
    reason: str
    within: float
    study: tuple[str, ...]
    before: bool = False
    job_seconds: int = 20
    lifecycle: Mapping[str, int] = field(default_factory=dict)
    idle_seconds: int = 5
    clock_divisor: float = 1.0


@contextmanager
def sick(patient: Patient, sickness: Sickness) -> Iterator[ExitStack]:
    """The patient has just been harmed; what is yielded ends the harm. The pool is gone when the block has ended."""
    patient.site.create_pool(
        job_types=(WEB_VIDEO,),
        max_replicas=2,
        env=_SLOW,
        lifecycle=sickness.lifecycle,
        idle_seconds=sickness.idle_seconds,
    )
    with ExitStack() as harm:
        if sickness.before:
            _harm(patient, sickness, harm)
        (patient.job,) = patient.site.enqueue(1, seconds=sickness.job_seconds)
        if not sickness.before:
            _await_at_work(patient)
            _harm(patient, sickness, harm)
        yield harm
    patient.observer.look_around(patient.site.namespace)
    pools.remove_all(patient.site.cluster, patient.site.namespace)


def _await_at_work(patient: Patient) -> None:
    """Until a pod has the job in hand, and FFmpeg is at it."""
    patient.pod = patient.site.await_holders([patient.job], seconds=_HELD_SECONDS)[patient.job]
    patient.await_processes(Part.FFMPEG)


def _harm(patient: Patient, sickness: Sickness, harm: ExitStack) -> None:
    patient.harmed = time.time()
    harm.enter_context(contextmanager(sickness.harm)(patient))
