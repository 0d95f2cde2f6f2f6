from support.observer.handmade import Script
from support.observer.invariants import work_is_safe
from support.observer.judge import CHECKS, judge
from support.observer.records import Change, Invariant, Span, gaps_between


def broken() -> Script:
    """One pod above the cap at 2 s, and one that is deleted while it runs at 10 s."""
    script = Script()
    script.secret(0)
    script.pool(0, change=Change.ADDED)
    for number in range(3):
        script.pod(2, f"vod-{number}", change=Change.ADDED)
    script.call(10, "delete", "pods", "vod-0")
    script.pod(10, "vod-0", change=Change.DELETED)
    return script


def test_there_is_a_check_for_every_invariant() -> None:
    assert set(CHECKS) == set(Invariant)


def test_all_that_did_not_hold_is_told_in_order_of_time() -> None:
    found = judge(broken().history(end=20))
    assert [one.invariant for one in found] == [Invariant.CAP, Invariant.WORK_IS_SAFE]


def test_what_a_test_has_suspended_is_left_out_and_nothing_else() -> None:
    script = broken()
    script.suspend(Invariant.CAP, 1, 3)
    script.suspend(Invariant.WORK_IS_SAFE, 11, 20)
    assert [one.invariant for one in judge(script.history(end=20))] == [Invariant.WORK_IS_SAFE]


def test_without_an_audit_log_nobody_is_blamed_for_a_deletion() -> None:
    assert work_is_safe.check(broken().history(audited=False)) == []


def test_what_is_left_of_a_time_when_parts_are_cut_out() -> None:
    whole = Span(begin=0, end=10)
    parts = [Span(begin=6, end=7), Span(begin=1, end=3), Span(begin=2, end=4), Span(begin=9, end=12)]
    assert gaps_between(parts, whole) == [Span(begin=0, end=1), Span(begin=4, end=6), Span(begin=7, end=9)]
    assert gaps_between([Span(begin=-1, end=11)], whole) == []
