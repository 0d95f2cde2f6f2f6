"""All invariants, over one history."""

from collections.abc import Callable, Mapping, Sequence

from support.observer.invariants import (
    back_to_goal,
    cap,
    honest_status,
    no_secret,
    no_spin,
    quiet,
    unknown_queue,
    work_is_safe,
)
from support.observer.records import History, Invariant, Violation

Check = Callable[[History], Sequence[Violation]]

CHECKS: Mapping[Invariant, Check] = {
    Invariant.CAP: cap.check,
    Invariant.WORK_IS_SAFE: work_is_safe.check,
    Invariant.UNKNOWN_IS_NOT_ZERO: unknown_queue.check,
    Invariant.NO_SECRET: no_secret.check,
    Invariant.HONEST_STATUS: honest_status.check,
    Invariant.QUIET: quiet.check,
    Invariant.BACK_TO_GOAL: back_to_goal.check,
    Invariant.NO_SPIN: no_spin.check,
}


def judge(history: History) -> list[Violation]:
    """What did not hold, and was not suspended, oldest first."""
    found = [violation for check in CHECKS.values() for violation in check(history)]
    kept = [one for one in found if not history.suspended(one.invariant, one.since, one.at)]
    return sorted(kept, key=lambda violation: violation.at)
