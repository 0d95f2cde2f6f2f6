"""What one rule contributes to a plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from runnerpool.planning.plan import PodStep, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Steps to take now, and the moments at which the rule may find more to do, though nothing else changes."""

    steps: tuple[Step, ...] = ()
    due: tuple[datetime, ...] = ()

    @property
    def pods(self) -> set[str]:
        """Names of the pods that the steps deal with."""
        return {step.pod for step in self.steps if isinstance(step, PodStep)}


def join(parts: Iterable[Part]) -> Part:
    """Several parts as one, in their order."""
    parts = tuple(parts)
    return Part(
        steps=tuple(step for part in parts for step in part.steps),
        due=tuple(moment for part in parts for moment in part.due),
    )
