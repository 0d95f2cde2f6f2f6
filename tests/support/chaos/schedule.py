"""When which fault comes, drawn from a seed: the same seed is the same night."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow(Generic[Kind]):
    """One fault. `at`: seconds from the start; `lasts`: seconds, if it lasts; `choice`: of a victim, in [0, 1)."""

    at: float
    kind: Kind
    lasts: float
    choice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How dense faults come. All in seconds, drawn evenly between the two.

    Attributes:
        pause: from the beginning of one to that of the next.
        lasts: of one; the next may come meanwhile.
    """

    pause: tuple[float, float]
    lasts: tuple[float, float]


def draw(seed: int, kinds: Sequence[Kind], seconds: float, pace: Pace) -> list[Blow[Kind]]:
    """The faults of so many seconds, in order; each kind comes before any comes a second time."""
    drawn = random.Random(seed)
    blows: list[Blow[Kind]] = []
    deck: list[Kind] = []
    at = drawn.uniform(*pace.pause)
    while at < seconds:
        if not deck:
            deck = drawn.sample(kinds, k=len(kinds))
        blows.append(Blow(at=at, kind=deck.pop(), lasts=drawn.uniform(*pace.lasts), choice=drawn.random()))
        at += drawn.uniform(*pace.pause)
    return blows


def victim(names: Sequence[str], choice: float) -> str | None:
    """One of them by its choice; None of none."""
    return names[int(choice * len(names))] if names else None
