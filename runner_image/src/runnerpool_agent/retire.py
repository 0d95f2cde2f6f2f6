"""What is to become of one runner process, as a pure state machine: the pod stays, its runner may be replaced.

```
RUNNING ──contact lost with a job in hand, one of several jobs lost──► DRAINING ──(exits after its last job)
   │                                                                     │ all jobs lost, silent
   └──all jobs lost, deaf, silent, scratch full while idle────────────► ABORTING ──(exits)
```
A runner that is told to finish cannot be told otherwise, so neither way leads back. The pod's own way is `drain`.
"""

from dataclasses import dataclass

from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Drain, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """Where the retirement of a runner stands; `cause` is None while RUNNING."""

    phase: Phase = Phase.RUNNING
    cause: RestartCause | None = None
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a runner and its surroundings.

    Attributes:
        now: The time.
        jobs: How many are in hand.
        contact_lost_seconds: 0 while there is contact.
        lost_jobs: How many of them are no longer this runner's.
        silent: It has not answered over IPC for too long.
        deaf: It does not look for the jobs that the server has for it.
        scratch_full: Nothing more can be written.
    """

    now: float
    jobs: int = 0
    contact_lost_seconds: float = 0.0
    lost_jobs: int = 0
    silent: bool = False
    deaf: bool = False
    scratch_full: bool = False


def judge(retirement: Retirement, seen: Seen, contact_drain_seconds: float) -> Retirement:
    """Where it stands now. The same object if nothing changed."""
    phase, cause = _wanted(seen, contact_drain_seconds)
    if cause is None or not _graver(phase, retirement.phase):
        return retirement
    return Retirement(phase=phase, cause=cause, since=seen.now)


def _wanted(seen: Seen, contact_drain_seconds: float) -> tuple[Phase, RestartCause | None]:
    if seen.silent:
        return Phase.ABORTING, RestartCause.SILENT
    if seen.jobs and seen.lost_jobs:
        # The others in hand are still worth their work.
        return (Phase.ABORTING if seen.lost_jobs >= seen.jobs else Phase.DRAINING), RestartCause.LOST_JOB
    if seen.deaf:
        return (Phase.DRAINING if seen.jobs else Phase.ABORTING), RestartCause.DEAF
    if seen.scratch_full and not seen.jobs:
        return Phase.ABORTING, RestartCause.SCRATCH_FULL
    if seen.jobs and seen.contact_lost_seconds >= contact_drain_seconds:
        return Phase.DRAINING, RestartCause.CONTACT_LOST
    return Phase.RUNNING, None


def _graver(phase: Phase, than: Phase) -> bool:
    order = (Phase.RUNNING, Phase.DRAINING, Phase.ABORTING)
    return order.index(phase) > order.index(than)


def wastes_a_slot(retirement: Retirement, *, jobs: int, slots: int) -> bool:
    """Whether a job could go to a free slot if this runner were not on its way out.

    One that finishes what is in all of its slots wastes none: with the last job comes a fresh runner.

    Args:
        retirement: Where it stands.
        jobs: How many are in hand.
        slots: How many the pod may have in hand.
    """
    if retirement.phase is Phase.DRAINING:
        return jobs < slots
    return retirement.phase is Phase.ABORTING


def effective(drain: Drain, retirement: Retirement) -> Drain:
    """What is to be done with the runner: the graver of what the pod wants and what the runner needs."""
    if not _graver(retirement.phase, drain.phase):
        return drain
    return Drain(phase=retirement.phase, cause=drain.cause, since=retirement.since, abort_at=drain.abort_at)
