"""What one rule contributes to a plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from runnerpool.planning.plan import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Steps to take now, and the moments at which the rule may find more to do, though nothing else changes."""

    steps: tuple[Step, ...] = ()
    due: tuple[datetime, ...] = ()


def join(parts: Iterable[Part]) -> Part:
    """Several parts as one, in their order."""
    parts = tuple(parts)
    return Part(
        steps=tuple(step for part in parts for step in part.steps),
        due=tuple(moment for part in parts for moment in part.due),
    )
