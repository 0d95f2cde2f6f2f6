from support.observer.handmade import Script
from support.observer.invariants import no_spin

LOGIN = "POST__/api/v1/users/token"


def tried(times: list[float], *, code: int = 403) -> Script:
    script = Script()
    for number, at in enumerate(times):
        script.call(at, "create", "pods", f"vod-{number}", code=code)
    return script


def logins(times: list[float]) -> Script:
    script = Script()
    for number, at in enumerate(times):
        script.sample(at, **{LOGIN: {"400": number, "200": 3 * number}})
    return script


def test_twelve_calls_in_a_minute_are_patient_and_thirteen_are_not() -> None:
    assert no_spin.check(tried([number * 4.0 for number in range(12)]).history()) == []
    (found,) = no_spin.check(tried([number * 4.0 for number in range(13)]).history())
    assert found.what == "create pods failed 13 times in 48 s"


def test_what_the_cluster_refuses_may_be_tried_every_six_seconds() -> None:
    assert no_spin.check(tried([number * 6.0 for number in range(100)]).history()) == []


def test_twelve_failing_logins_in_ten_minutes_are_patient_and_thirteen_are_not() -> None:
    assert no_spin.check(logins([number * 45.0 for number in range(13)]).history()) == []
    (found,) = no_spin.check(logins([number * 45.0 for number in range(14)]).history())
    assert found.what == "POST /api/v1/users/token failed 13 times in 540 s"


def test_a_call_that_never_came_to_an_answer_counts_and_one_that_succeeded_does_not() -> None:
    times = [number * 2.0 for number in range(20)]
    assert len(no_spin.check(tried(times, code=0).history())) == 1
    assert no_spin.check(tried(times, code=201).history()) == []


def test_what_is_tried_side_by_side_is_one_try() -> None:
    assert no_spin.check(tried([number * 0.01 for number in range(50)]).history()) == []


def test_a_hot_loop_is_seen_within_seconds() -> None:
    (found,) = no_spin.check(tried([number * 0.1 for number in range(300)]).history())
    assert found.what.startswith("create pods failed 13 times")


def test_logins_that_succeed_are_no_failures() -> None:
    script = Script()
    for number in range(15):
        script.sample(number * 10.0, **{LOGIN: {"200": number}})
    assert no_spin.check(script.history()) == []
