"""What the probes answer, as pure functions of what was observed; every no has its causes in words.

Startup: the image is up. Liveness: the pod is worth keeping. Readiness: it would take a job if it had a free slot, so a
busy pod is ready and a draining one is not.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from runnerpool_agent.causes import Finding, Trouble

SILENCE_SECONDS = 30.0
"""How long the runner may leave IPC calls unanswered. Counted from the first failed call, not from the last answer, so
that a stall of the whole pod (a paused node) does not look like a hung runner."""
START_SILENCE_SECONDS = 120.0
"""The same for one that has not answered yet: on a node under load a runner may take that long to start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is known now.

    Attributes:
        running: The runner process lives.
        absent: Why it does not.
        ready: Its log said that it works.
        answered: It has answered over IPC since it was started.
        silent_seconds: Since the first of the unanswered calls in a row; 0 when the last one was answered.
        registered: It still has its server; None: not yet known.
        contact: The server answers this pod; None: not yet known.
        lost_seconds: For how long it has not; 0 if its answers are not yet enough to rely on.
        draining: The agent is on its way out.
        retiring: Why a slot that is free, or about to be, gets no job from this runner, in words; None if it does.
        started_once: Startup has succeeded before; the probe's answer never goes back.
        found: What a longer look has found wrong.
    """

    running: bool
    ready: bool
    answered: bool
    silent_seconds: float
    registered: bool | None
    contact: bool | None
    draining: bool
    started_once: bool
    absent: Trouble = Trouble.STARTING
    lost_seconds: float = 0.0
    retiring: str | None = None
    found: tuple[Finding, ...] = ()


def too_silent(silent_seconds: float, *, answered: bool) -> bool:
    """Whether a runner has left its calls unanswered for too long."""
    return silent_seconds >= (SILENCE_SECONDS if answered else START_SILENCE_SECONDS)


def unstarted(seen: Observation) -> tuple[Finding, ...]:
    """Why the start-up probe fails; empty: it passes, and will for good."""
    return () if seen.started_once else tuple(_not_up(seen))


def unlive(seen: Observation) -> tuple[Finding, ...]:
    """Why the liveness probe fails; empty: it passes.

    The last resort: the agent acts on the same causes itself, at once.
    """
    found = tuple(finding for finding in seen.found if finding.cause is Trouble.RUNNER_HUNG)
    if not too_silent(seen.silent_seconds, answered=seen.answered):
        return found
    message = f"the runner has not answered over IPC for {seen.silent_seconds:.0f} s"
    return (Finding(cause=Trouble.RUNNER_SILENT, message=message), *found)


def unready(seen: Observation) -> tuple[Finding, ...]:
    """Why the readiness probe fails; empty: the pod would take a job."""
    return tuple(_not_ready(seen))


def _not_up(seen: Observation) -> Iterator[Finding]:
    if not seen.running:
        yield Finding(cause=seen.absent, message="the runner does not run")
    elif not seen.ready:
        yield Finding(cause=Trouble.STARTING, message="the runner is not yet ready to process jobs")
    elif not seen.answered:
        yield Finding(cause=Trouble.STARTING, message="the runner has not yet answered over IPC")


def _not_ready(seen: Observation) -> Iterator[Finding]:
    yield from _not_up(seen)
    live = unlive(seen)
    yield from live
    yield from (finding for finding in seen.found if finding not in live)
    if seen.registered is False:
        yield Finding(cause=Trouble.UNREGISTERED, message="the runner is no longer registered with the server")
    if seen.contact is None:
        yield Finding(cause=Trouble.STARTING, message="the server has not been reached yet")
    elif not seen.contact:
        message = f"the server has not answered for {seen.lost_seconds:.0f} s"
        if not seen.lost_seconds:
            message = "the server answers again, but has not yet done so twice in a row"
        yield Finding(cause=Trouble.CONTACT_LOST, message=message)
    if seen.retiring is not None and not seen.draining:
        yield Finding(cause=Trouble.RETIRING, message=seen.retiring)
    if seen.draining:
        yield Finding(cause=Trouble.DRAINING, message="the pod takes no more jobs, and ends after those in hand")
