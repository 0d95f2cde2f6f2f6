"""What happens in one round of scale-down against arriving jobs, all of it drawn from one seed."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from peers.peertube.profile import STORYBOARD, WEB_VIDEO

NEAR_SECONDS = 0.3
"""So near to the order come the jobs that matter most."""
EARLIEST_SECONDS = 1.5

Span = tuple[float, float]

# Seconds that a call may be under way, and as many that its answer may be: a server next door, a busy one, a slow one.
_REQUEST_SPANS: tuple[Span, ...] = ((0.0, 0.01), (0.01, 0.08), (0.05, 0.3))
_ACCEPT_SPANS: tuple[Span, ...] = ((0.0, 0.02), (0.02, 0.15), (0.1, 0.5))
_SUCCESS_SPANS: tuple[Span, ...] = ((0.0, 0.01), (0.0, 0.1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A job that comes into the queue `at` seconds after the first drain order (before it, if negative)."""

    at: float
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """One round.

    Attributes:
        concurrency: Jobs that each runner works on at once.
        while_starting: The clock starts with the pods; else when their runners are connected.
        lead: Seconds from there to the first order.
        order_delays: For each pod, seconds from the first order to its own.
        delays: By the end of a call's path, the seconds that it, and its answer, are under way.
    """

    seed: int
    concurrency: int
    while_starting: bool
    lead: float
    order_delays: tuple[float, ...]
    arrivals: tuple[Arrival, ...]
    delays: dict[str, Span]

    def delay_of(self, path_end: str) -> Callable[[], float]:
        """Draws a delay at each call; the order of the draws is the seed's, that of the calls is not."""
        dice = random.Random(f"{self.seed}{path_end}")
        low, high = self.delays[path_end]
        return lambda: dice.uniform(low, high)


def programme(seed: int) -> Programme:
    """The round of a seed: the same one, whenever and wherever it is asked for."""
    dice = random.Random(seed)
    pods = 2 if dice.random() < 0.2 else 1
    return Programme(
        seed=seed,
        concurrency=2 if dice.random() < 0.4 else 1,
        while_starting=dice.random() < 0.15,
        lead=dice.uniform(0.2, EARLIEST_SECONDS),
        order_delays=(0.0, *(dice.uniform(0.0, 0.8) for _ in range(pods - 1))),
        arrivals=_arrivals(dice),
        delays={
            "/request": dice.choice(_REQUEST_SPANS),
            "/accept": dice.choice(_ACCEPT_SPANS),
            "/success": dice.choice(_SUCCESS_SPANS),
        },
    )


def _arrivals(dice: random.Random) -> tuple[Arrival, ...]:
    earlier = [dice.uniform(-EARLIEST_SECONDS, -NEAR_SECONDS) for _ in range(dice.randint(0, 2))]
    near = [dice.uniform(-NEAR_SECONDS, NEAR_SECONDS) for _ in range(dice.randint(1, 2))]
    return tuple(Arrival(at=at, type=_type(dice)) for at in sorted(earlier + near))


def _type(dice: random.Random) -> str:
    """Mostly the job that is cheapest to do, and the one that no watchdog would ever take back."""
    return WEB_VIDEO if dice.random() < 0.15 else STORYBOARD
