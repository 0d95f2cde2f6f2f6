"""I8: a failing login is not tried more than 12 times in 10 minutes, and nothing else that fails 12 times in one.

What costs nothing but a call is tried often, so that it heals within half a minute (docs/adr/0008): every 6 s, and the
first tries follow sooner.
"""

from collections import defaultdict
from collections.abc import Iterator

from support.observer.records import History, Invariant, Violation

MOST_TRIES = 12
COSTLY_SECONDS = 600.0
CHEAP_SECONDS = 60.0
# What is tried side by side is one try: ten pods that one quota refuses.
_ONE_TRY_SECONDS = 1.0
_LOGIN = "POST /api/v1/users/token"
_SERVER_ACTIONS = (
    _LOGIN,
    "POST /api/v1/runners/register",
    "DELETE /api/v1/runners/{runnerId}",
)
_REFUSED = 400


def check(history: History) -> list[Violation]:
    actions: defaultdict[str, list[float]] = defaultdict(list)
    for call in history.by_operator():
        if call.failed:
            actions[f"{call.verb} {call.resource}"].append(call.at)
    for route in _SERVER_ACTIONS:
        actions[route] += _failures(history, route)
    return [violation for action, times in actions.items() for violation in _too_often(action, _tries(times))]


def _failures(history: History, route: str) -> Iterator[float]:
    """When a call of the server was seen to have failed once more."""
    before = 0
    for sample in history.samples:
        answers = sample.requests.get(route, {})
        count = sum(number for status, number in answers.items() if int(status) >= _REFUSED)
        if count > before and sample is not history.samples[0]:
            yield sample.at
        before = count


def _tries(times: list[float]) -> list[float]:
    """The begin of each try."""
    begins: list[float] = []
    for time in sorted(times):
        if not begins or time - begins[-1] > _ONE_TRY_SECONDS:
            begins.append(time)
    return begins


def _too_often(action: str, tries: list[float]) -> Iterator[Violation]:
    window = COSTLY_SECONDS if action == _LOGIN else CHEAP_SECONDS
    for first, last in zip(tries, tries[MOST_TRIES:], strict=False):
        if last - first <= window:
            what = f"{action} failed {MOST_TRIES + 1} times in {last - first:.0f} s"
            yield Violation(invariant=Invariant.NO_SPIN, since=first, at=last, what=what)
            return
