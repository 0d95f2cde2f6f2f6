"""Is an idle runner deaf? It has no timer: without a push, a connection or a job's end it never looks for work again.

The server pushes to every runner at once, so one that has not looked for long, while the server would hand it a job
twice in a row, has heard nothing. One that looks and goes without has lost a race, which is no deafness. A look that
gets no answer blocks all later ones for ever (PeerTube's runner 0.6.0 sets no time limit).
"""

from dataclasses import dataclass, replace

WEDGED_SECONDS = 30.0
"""Longest time that a look may take, counted only while there is contact."""
AGAIN_SECONDS = 5.0
"""Between the two times that the server is asked: a push that is under way needs that long at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """How far the question has got.

    Attributes:
        ask_at: Not to ask before.
        offered: The server had a job when asked last, and the runner has not looked since.
        deaf: It is.
    """

    ask_at: float = 0.0
    offered: bool = False
    deaf: bool = False


def should_ask(ears: Ears, now: float, quiet_seconds: float, tolerance: float) -> bool:
    """Whether the server is to be asked now; `quiet_seconds`: idle, in contact and without a look for so long."""
    return not ears.deaf and now >= ears.ask_at and quiet_seconds >= tolerance


def answered(ears: Ears, now: float, tolerance: float, *, offers: bool | None) -> Ears:
    """The server has a job for such a runner, or has none; None: it did not say."""
    if offers and ears.offered:
        return replace(ears, deaf=True)
    if offers:
        return Ears(offered=True, ask_at=now + AGAIN_SECONDS)
    return Ears(ask_at=now + tolerance)


def listened(ears: Ears) -> Ears:
    """The runner has looked by itself, or has a job."""
    return ears if ears.deaf else replace(ears, offered=False)


def wedged(round_seconds: float, contact_ok_seconds: float) -> bool:
    """Whether a look has gone without an answer for too long."""
    return min(round_seconds, contact_ok_seconds) > WEDGED_SECONDS
