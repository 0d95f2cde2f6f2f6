"""The ledger of lost work: encoding seconds that came to nothing, by cause."""

from collections.abc import Iterable, Mapping
from typing import Any

from runnerpool.api.loss_causes import LossCause
from runnerpool.planning.endings import EndedPod, lost_jobs
from runnerpool.planning.jobs import ServerReading

MAX_CAUSES = 16
OTHER = "Other"
"""Where causes beyond the bound are booked, so that no second is left out."""

Ledger = Mapping[str, int]
"""Seconds by cause. They only ever grow."""


def lost_seconds(pod: EndedPod, reading: ServerReading | None) -> Ledger:
    """Seconds that were encoded for nothing in the pod, by cause: a job's own, or else that of the pod's end.

    The agent's last message counts. Without one (killed, out of memory), the jobs count that the server still credits
    to the pod's runner, from when they were taken.
    """
    jobs = lost_jobs(pod, reading) if pod.jobs is None else pod.jobs
    return book({}, ((str(job.cause or pod.cause), job.seconds) for job in jobs))


def outlived(pod: EndedPod) -> Mapping[LossCause, int]:
    """Seconds of those jobs that the pod went on after, by cause. What it ended by itself is told as its failure."""
    found: dict[LossCause, int] = {}
    for job in pod.jobs or ():
        if job.seconds and job.cause is not None and job.cause != pod.cause:
            found[job.cause] = found.get(job.cause, 0) + job.seconds
    return found


def book(ledger: Ledger, losses: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The ledger with these losses (cause, seconds) in it."""
    booked = dict(ledger)
    for cause, seconds in losses:
        if seconds > 0:
            place = entry_for(booked, cause)
            booked[place] = booked.get(place, 0) + seconds
    return booked


def entry_for(ledger: Ledger, cause: str) -> str:
    """Under which cause a loss is booked."""
    return cause if cause in ledger or len(ledger.keys() - {OTHER}) < MAX_CAUSES - 1 else OTHER


def ledger_in(status: Mapping[str, Any]) -> dict[str, int]:
    """The ledger that a pool's status holds; entries that cannot be read are left out."""
    entries = ((entry.get("cause"), entry.get("seconds")) for entry in status.get("lostWork") or ())
    return {cause: seconds for cause, seconds in entries if isinstance(cause, str) and isinstance(seconds, int)}


def ledger_status(ledger: Ledger) -> list[dict[str, Any]]:
    """`status.lostWork`."""
    return [{"cause": cause, "seconds": seconds} for cause, seconds in sorted(ledger.items())]
