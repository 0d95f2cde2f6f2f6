from datetime import timedelta

from runnerpool.api.conditions import Condition, ConditionType, merge_conditions, shorten
from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from support.builders import NOW

LATER = NOW + timedelta(minutes=5)


def ready(status: bool | None = True, reason: Reason = Reason.STEADY, message: str = "well") -> Condition:
    return Condition(type=ConditionType.READY, status=status, reason=reason, message=message)


def merged(previous, *current, now=NOW, generation=1):
    return merge_conditions(previous, current, now, generation)


def test_a_condition_has_the_fields_of_the_kubernetes_conventions():
    assert merged([], ready(), generation=3) == [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-23T12:00:00Z",
            "reason": "Steady",
            "message": "well",
        }
    ]


def test_unknown_is_a_status_of_its_own():
    (condition,) = merged([], ready(None))

    assert condition["status"] == "Unknown"


def test_the_transition_time_stays_while_the_status_does():
    (condition,) = merged(merged([], ready()), ready(reason=Reason.JOBS_PENDING, message="more"), now=LATER)

    assert condition["lastTransitionTime"] == format_time(NOW)
    assert (condition["reason"], condition["message"]) == ("JobsPending", "more")


def test_the_transition_time_moves_with_the_status():
    (condition,) = merged(merged([], ready()), ready(False), now=LATER)

    assert condition["lastTransitionTime"] == format_time(LATER)


def test_an_unchanged_pass_leaves_equal_conditions():
    before = merged([], ready())

    assert merged(before, ready(), now=LATER) == before


def test_a_condition_that_was_not_judged_stays():
    other = Condition(type=ConditionType.PROGRESSING, status=True, reason=Reason.SCALE_UP, message="1 pod")
    before = merged([], ready(), other)

    assert merged(before, ready(), now=LATER) == before


def test_conditions_stand_in_one_order_and_foreign_ones_last():
    foreign = {"type": "Zzz", "status": "True"}
    kinds = list(reversed(ConditionType))
    current = [Condition(type=kind, status=True, reason=Reason.STEADY, message="") for kind in kinds]

    assert [one["type"] for one in merged([foreign], *current)] == [*(str(kind) for kind in ConditionType), "Zzz"]


def test_a_previous_condition_without_a_time_gets_one():
    (condition,) = merged([{"type": "Ready", "status": "True"}], ready())

    assert condition["lastTransitionTime"] == format_time(NOW)


def test_a_message_is_kept_within_the_bound_of_the_resource():
    assert shorten("x" * 1024) == "x" * 1024
    assert shorten("x" * 1025) == "x" * 1023 + "…"
