import pytest

from support.observer.handmade import BEGIN, Script
from support.observer.invariants import honest_status
from support.observer.records import Change, Fault

MISSING = ({"type": "Ready", "status": "False", "reason": "SecretNotFound"},)
STALE = ({"type": "Ready", "status": "False", "reason": "SecretNotFound", "observedGeneration": 0},)


def scene() -> Script:
    script = Script()
    script.secret(0)
    script.pool(0, change=Change.ADDED)
    return script


def fault(script: Script, *, cured: float | None = None) -> Script:
    script.faults.append(
        Fault(
            pool="vod",
            reason="SecretNotFound",
            begin=BEGIN + 100,
            told_within=10,
            cured=None if cured is None else BEGIN + cured,
            healed_within=30,
        )
    )
    return script


def test_a_cause_that_is_told_in_time_is_honest() -> None:
    script = fault(scene())
    script.pool(109, conditions=MISSING)
    assert honest_status.check(script.history()) == []


@pytest.mark.parametrize(("at", "conditions"), [(112, MISSING), (105, STALE)], ids=["late", "of an older spec"])
def test_a_cause_that_is_told_late_or_of_an_older_spec_is_seen(
    at: float, conditions: tuple[dict[str, str], ...]
) -> None:
    script = fault(scene())
    script.pool(at, conditions=conditions)
    (found,) = honest_status.check(script.history())
    assert found.what == "pool vod did not tell SecretNotFound within 10 s"


def test_a_cause_that_may_still_be_told_is_not_judged() -> None:
    assert honest_status.check(fault(scene()).history(end=105)) == []


def test_a_cure_is_to_be_told_too() -> None:
    script = fault(scene(), cured=200)
    script.pool(105, conditions=MISSING)
    (found,) = honest_status.check(script.history())
    assert found.what == "pool vod still told SecretNotFound 30 s after the cure"
    script.pool(229)
    assert honest_status.check(script.history()) == []


def test_a_changed_spec_that_nobody_takes_note_of_is_seen() -> None:
    script = scene()
    script.pool(100, metadata={"generation": 2}, status={"observedGeneration": 1})
    (found,) = honest_status.check(script.history())
    assert found.what == "pool vod: generation 2 was not taken note of"
    script.pool(105, metadata={"generation": 2})
    assert honest_status.check(script.history()) == []


def test_the_first_spec_waits_for_an_operator() -> None:
    script = Script()
    script.secret(0)
    script.pool(0, change=Change.ADDED, status={"conditions": []})
    del script.versions[-1].body["status"]["observedGeneration"]  # type: ignore[attr-defined]
    script.pool(100)
    assert honest_status.check(script.history()) == []


def test_a_pool_that_goes_need_not_take_note_of_it() -> None:
    script = scene()
    going = {"generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    script.pool(100, metadata=going, status={"observedGeneration": 1})
    assert honest_status.check(script.history()) == []


def test_a_missing_secret_that_the_pool_does_not_tell_of_is_seen_by_the_observer_itself() -> None:
    script = scene()
    script.secret(100, Change.DELETED)
    (found,) = honest_status.check(script.history())
    assert found.what == "pool vod does not tell that Secret peertube-admin is missing"
    script.pool(108, conditions=MISSING)
    assert honest_status.check(script.history()) == []


def test_a_secret_that_is_back_and_told_as_missing_half_a_minute_later_is_seen_by_the_observer_itself() -> None:
    script = scene()
    script.secret(100, Change.DELETED)
    script.pool(108, conditions=MISSING)
    script.secret(200)
    (found,) = honest_status.check(script.history())
    assert (found.since, found.at) == (BEGIN + 200, BEGIN + 231)
    assert found.what == "pool vod still tells that Secret peertube-admin is missing"
    assert honest_status.check(script.history(end=225)) == []
    script.pool(229)
    assert honest_status.check(script.history()) == []


def test_a_pool_that_names_another_secret_may_miss_that_one() -> None:
    script = scene()
    script.secret(100, Change.DELETED)
    script.pool(108, conditions=MISSING)
    script.pool(190, conditions=MISSING, server={"credentialsRef": {"name": "another"}})
    script.secret(200)
    assert honest_status.check(script.history()) == []


def test_a_secret_that_is_back_at_once_was_not_missing() -> None:
    script = scene()
    script.secret(100, Change.DELETED)
    script.secret(105)
    assert honest_status.check(script.history()) == []
