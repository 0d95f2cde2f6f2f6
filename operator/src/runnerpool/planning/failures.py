"""Failures in a row, by cause: how long the next try waits, and when a row is over."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runnerpool.api.failure_causes import FailureCause

DELAYS = (0, 5, 10, 20, 40, 80, 160, 300)
"""Seconds. The relative of ours that scales CI runners waits so after a failed runner (reliability study, §1.1)."""
JITTER = 0.2
FORGOTTEN_AFTER = timedelta(minutes=15)
"""Longer than the longest delay and the longest start-up together: who fails no more for so long is well."""
_FORGOTTEN_AFTER_JOBS = timedelta(hours=24)
"""The same for what shows at the end of a job: longer than an encode."""
MOST = 8
"""Causes that the status keeps; the CRD's bound."""
_LARGEST = 1_000_000
_SHOWN_AT_THE_END = frozenset({FailureCause.UPLOAD_REJECTED})
"""Causes of which a pod that is ready, however long, proves nothing: they come at the end of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One cause: how many tries in a row have failed by it, and when the operator saw the last of them."""

    cause: FailureCause
    count: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFailure:
    """A pod that has failed, or was given up."""

    cause: FailureCause
    created: datetime


def add_failures(failures: Iterable[Failure], pods: Iterable[PodFailure], now: datetime) -> tuple[Failure, ...]:
    """Take in pods that have failed just now.

    A row grows only by pods that were made since its last failure: that a node takes ten pods along is one failure,
    answered at once; that what takes their place fails too is the second.
    """
    now = now.replace(microsecond=0)  # as the API server tells when pods were made: what comes in one second is later
    known = {failure.cause: failure for failure in failures}
    for cause in sorted({pod.cause for pod in pods}):
        before = known.get(cause)
        again = before is None or any(pod.created >= before.last for pod in pods if pod.cause is cause)
        count = (before.count if before else 0) + again
        known[cause] = Failure(cause=cause, count=min(count, _LARGEST), last=now)
    latest = sorted(known.values(), key=lambda failure: failure.last, reverse=True)[:MOST]
    return tuple(sorted(latest, key=lambda failure: failure.cause))


def forget_healed(
    failures: Iterable[Failure], proven: Iterable[datetime], now: datetime, *, ended_well: Iterable[datetime] = ()
) -> tuple[Failure, ...]:
    """Drop the rows that are over.

    Args:
        failures: What is known.
        proven: When those pods were made that have shown since that they work.
        now: The moment.
        ended_well: When those of them were made that have held a job and ended, and well.
    """
    latest, latest_ended = max(proven, default=None), max(ended_well, default=None)

    def over(failure: Failure) -> bool:
        at_the_end = failure.cause in _SHOWN_AT_THE_END
        proof, kept = (latest_ended, _FORGOTTEN_AFTER_JOBS) if at_the_end else (latest, FORGOTTEN_AFTER)
        return now - failure.last >= kept or (proof is not None and proof >= failure.last)

    return tuple(failure for failure in failures if not over(failure))


def of_late(failures: Iterable[Failure], now: datetime) -> tuple[Failure, ...]:
    """Those that a condition is to tell of; a row may be kept for longer than anybody need worry, for its delays."""
    return tuple(failure for failure in failures if now - failure.last < FORGOTTEN_AFTER)


def not_before(failures: Iterable[Failure], salt: str, cause: FailureCause | None = None) -> datetime | None:
    """The earliest moment of the next try; None = at once.

    Args:
        failures: What is known.
        salt: What makes the delays of one pool differ from another's, by up to a fifth: its UID.
        cause: Look at this cause alone; None at all of them.
    """
    moments = (failure.last + _delay(failure, salt) for failure in failures if cause in {None, failure.cause})
    return max(moments, default=None)


def in_a_row(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Those after which something made anew has failed, too: one try at a time is enough then."""
    return tuple(failure for failure in failures if failure.count > 1)


def without_future(failures: Iterable[Failure], now: datetime) -> tuple[Failure, ...]:
    """A clock that was set back must not hold the next try up for hours."""
    return tuple(replace(failure, last=min(failure.last, now)) for failure in failures)


def _delay(failure: Failure, salt: str) -> timedelta:
    seconds = DELAYS[min(failure.count, len(DELAYS)) - 1]
    digest = hashlib.sha256(f"{salt} {failure.cause} {failure.count}".encode()).digest()
    return timedelta(seconds=seconds * (1 + JITTER * (2 * digest[0] / 255 - 1)))
