import time
from typing import Any, cast

import pytest

from support.observer.handmade import BEGIN, NAMESPACE, Script
from support.observer.observer import Observer
from support.observer.records import Change, Fault, Version
from support.reliability.case import Case, NotTold

MISSING = ({"type": "Ready", "status": "False", "reason": "SecretNotFound"},)
READY = {"type": "Ready", "status": "True", "reason": "AllWell", "observedGeneration": 1}
STALLED = {"type": "Progressing", "status": "False", "reason": "RolloutStalled", "observedGeneration": 1}


class Seen:
    """An observer that has seen what a script tells, on the clock of the case."""

    def __init__(self, script: Script, now: float) -> None:
        self.faults: list[Fault] = []
        self._versions = [_moved(version, now - BEGIN) for version in script.versions]

    def versions(self, namespace: str) -> list[Version]:
        assert namespace == NAMESPACE
        return self._versions

    def note(self, fault: Fault) -> None:
        self.faults.append(fault)


def _moved(version: Version, seconds: float) -> Version:
    return Version(
        at=version.at + seconds,
        kind=version.kind,
        change=version.change,
        number=version.number,
        body=version.body,
    )


def case_of(*versions: dict[str, Any]) -> tuple[Case, Seen]:
    """A case that began now, whose observer saw one version of the pool after another, at once."""
    script = Script()
    script.pool(-10, change=Change.ADDED)
    for version in versions:
        script.pool(version.pop("at", 0.5), **version)
    case = Case()
    case.begins()
    seen = Seen(script, time.time())
    case.watch(cast("Observer", seen), NAMESPACE)
    return case, seen


def test_a_case_tells_what_was_shown_and_how_long_it_took_and_has_the_observer_judge_it() -> None:
    case, seen = case_of({"conditions": MISSING})
    shown = case.tells("SecretNotFound", within=10)
    assert shown["type"] == "Ready"
    assert case.reason == "SecretNotFound"
    assert case.tell == pytest.approx(0.5, abs=0.1)
    (fault,) = seen.faults
    assert (fault.pool, fault.reason, fault.told_within, fault.cured) == ("vod", "SecretNotFound", 10, None)


def test_a_reason_that_another_condition_shows_is_not_the_one_that_was_asked_for() -> None:
    case, _ = case_of({"conditions": MISSING})
    with pytest.raises(NotTold, match="did not show SecretNotFound within 0 s; instead: Ready=False SecretNotFound"):
        case.tells("SecretNotFound", within=0, condition="CredentialsValid")


def test_a_pool_that_says_something_else_is_told_of_with_what_it_says() -> None:
    case, _ = case_of()
    with pytest.raises(NotTold, match="instead: Ready=True AllWell, QueueReachable=True QueueRead"):
        case.tells("SecretNotFound", within=0)


def test_healing_counts_from_the_cure() -> None:
    case, seen = case_of({"conditions": MISSING, "at": 0.0})
    case.tells("SecretNotFound")
    case.cured()
    seen._versions.append(_moved(seen._versions[0], 11.5))
    case.heals(within=30)
    assert case.heal == pytest.approx(1.5, abs=0.2)
    assert seen.faults[-1].cured is not None
    assert seen.faults[-1].healed_within == 30


def test_healing_is_told_by_the_first_of_the_good_versions_however_late_it_is_asked_for() -> None:
    case, seen = case_of({"conditions": MISSING, "at": 0.0})
    case.tells("SecretNotFound")
    case.cured()
    seen._versions += [_moved(seen._versions[0], seconds) for seconds in (11.5, 15.0, 19.0)]
    case.heals(within=5)
    assert case.heal == pytest.approx(1.5, abs=0.2)
    with pytest.raises(NotTold, match=r"healed after 1\.\d s, and not within 1 s"):
        case.heals(within=1)


@pytest.mark.parametrize(
    "told",
    [
        {"conditions": (READY,), "metadata": {"generation": 2}},
        {"conditions": (READY, STALLED), "metadata": {"generation": 2}},
        {"conditions": (READY,)},
    ],
)
def test_what_is_told_of_earlier_settings_is_no_healing(told: dict[str, Any]) -> None:
    case, seen = case_of({"conditions": (READY, STALLED), "at": 0.0})
    _, later = case_of({**told})
    case.tells("RolloutStalled")
    case.cured()
    seen._versions.append(later._versions[-1])
    with pytest.raises(NotTold, match="did not heal within 0 s"):
        case.heals(within=0, shows="Steady" if "metadata" not in told else "")


def test_a_pool_that_does_not_heal_is_told_of() -> None:
    case, _ = case_of({"conditions": MISSING})
    case.tells("SecretNotFound")
    case.cured()
    with pytest.raises(NotTold, match="did not heal within 0 s; instead: Ready=False SecretNotFound"):
        case.heals(within=0)


def test_what_is_asked_for_in_the_wrong_order_is_refused() -> None:
    with pytest.raises(NotTold, match="call `watch` first"):
        Case().tells("SecretNotFound")
    with pytest.raises(NotTold, match="call `tells` and `cured` before `heals`"):
        Case().heals()
