"""How rounds ended, by the server's own statistics."""

from collections.abc import Sequence
from dataclasses import dataclass

from peers.peertube.records import JSON

DRAINED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One round.

    Attributes:
        exits: The exit code of each pod's agent.
        in_flight: Orders that came while a claim was under way: what the official runner answers with an orphan.
        log: What pods and server said; kept where something went wrong.
        unplayed: Why the round came to no end; "" if it did.
    """

    seed: int
    exits: tuple[int, ...] = ()
    accepts: int = 0
    completed: int = 0
    aborts: int = 0
    reclaims: int = 0
    errors: int = 0
    orphans: int = 0
    in_flight: int = 0
    log: str = ""
    unplayed: str = ""

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong, in words; nothing in a good round."""
        damage = {"aborts": self.aborts, "reclaims": self.reclaims, "errors": self.errors, "orphans": self.orphans}
        wrong = [f"{number} {what}" for what, number in damage.items() if number]
        wrong += [self.unplayed] if self.unplayed else []
        wrong += [f"an agent ended with {code}" for code in self.exits if code != DRAINED]
        if self.accepts != self.completed:
            wrong.append(f"{self.accepts} jobs accepted and {self.completed} completed")
        return tuple(wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """All rounds together."""

    outcomes: Sequence[Outcome]

    def sum(self, name: str) -> int:
        """The sum of one of the figures of `Outcome`."""
        return sum(int(getattr(outcome, name)) for outcome in self.outcomes)

    @property
    def pods(self) -> int:
        return sum(len(outcome.exits) for outcome in self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.complaints]

    def complaint(self) -> str:
        """Which rounds went wrong, how to play each again, and what the first one said; empty if none did."""
        lines = [
            f"seed {outcome.seed}: {', '.join(outcome.complaints)}; again: {again(outcome.seed)}"
            for outcome in self.failed
        ]
        return "\n".join([*lines, *(outcome.log for outcome in self.failed[:1])])


def again(seed: int) -> str:
    """The command that plays a seed's round again; what races needs more than one try."""
    return f"PYTHONPATH=tests .venv/bin/python -m support.drains {seed} --times 20"


def outcome_of(seed: int, exits: Sequence[int], statistics: JSON, *, in_flight: int) -> Outcome:
    """Judge a round."""
    return Outcome(
        seed=seed,
        exits=tuple(exits),
        accepts=statistics["accepts"],
        completed=statistics["completed"],
        aborts=statistics["aborts"],
        reclaims=statistics["reclaims"],
        errors=statistics["errors"],
        orphans=len(statistics["orphans"]),
        in_flight=in_flight,
    )
