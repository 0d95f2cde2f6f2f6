"""What the probes answer, as pure functions of what was observed; every no has its causes in words.

Startup: the image is up. Liveness: the pod is worth keeping. Readiness: it would take a job if it had a free slot, so a
busy pod is ready and a draining one is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SILENCE_SECONDS = 30.0
"""How long the runner may leave IPC calls unanswered. Counted from the first failed call, not from the last answer, so
that a stall of the whole pod (a paused node) does not look like a hung runner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known now.

    Attributes:
        running: The runner process lives.
        ready: Its log said that it works.
        answered: It has answered over IPC since it was started.
        silent_seconds: Since the first of the unanswered calls in a row; 0 when the last one was answered.
        registered: It still has its server; None: not yet known.
        contact: The server answers this pod; None: not yet known.
        draining: The agent is on its way out.
        started_once: Startup has succeeded before; the probe's answer never goes back.
    """

    running: bool
    ready: bool
    answered: bool
    silent_seconds: float
    registered: bool | None
    contact: bool | None
    draining: bool
    started_once: bool


def unstarted(seen: Observation) -> tuple[str, ...]:
    """Why the start-up probe fails; empty: it passes, and will for good."""
    return () if seen.started_once else tuple(_not_up(seen))


def unlive(seen: Observation) -> tuple[str, ...]:
    """Why the liveness probe fails; empty: it passes."""
    if seen.silent_seconds < SILENCE_SECONDS:
        return ()
    return (f"the runner has not answered over IPC for {seen.silent_seconds:.0f} s",)


def unready(seen: Observation) -> tuple[str, ...]:
    """Why the readiness probe fails; empty: the pod would take a job."""
    return tuple(_not_ready(seen))


def _not_up(seen: Observation) -> Iterator[str]:
    if not seen.running:
        yield "the runner does not run"
    elif not seen.ready:
        yield "the runner is not yet ready to process jobs"
    elif not seen.answered:
        yield "the runner has not yet answered over IPC"


def _not_ready(seen: Observation) -> Iterator[str]:
    yield from _not_up(seen)
    yield from unlive(seen)
    if seen.registered is False:
        yield "the runner is no longer registered with the server"
    if seen.contact is None:
        yield "the server has not been reached yet"
    elif not seen.contact:
        yield "the server does not answer"
    if seen.draining:
        yield "draining"
