"""The jobs of a history: who holds which, and the states they are in."""

from support.observer.records import History

PENDING, PROCESSING, WAITING_FOR_PARENT, COMPLETING = 1, 2, 5, 9
_IN_HAND = frozenset({PROCESSING, COMPLETING})


def holders_at(history: History, at: float) -> dict[str, str]:
    """The runner that holds each job in hand at a moment, by the job's UUID."""
    holders: dict[str, str] = {}
    for step in history.steps:
        if step.at > at:
            break
        if step.after == PROCESSING and step.runner:
            holders[step.job] = step.runner
        elif step.after not in _IN_HAND:
            holders.pop(step.job, None)
    return holders


def held_at(history: History, runner: str, at: float) -> list[str]:
    """The jobs in the hand of one runner at a moment."""
    return [job for job, holder in holders_at(history, at).items() if holder == runner]
