"""Failures in a row, by cause."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.failure_causes import REMEDIES, FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.planning.failures import (
    DELAYS,
    MOST,
    Failure,
    PodFailure,
    add_failures,
    forget_healed,
    in_a_row,
    not_before,
    of_late,
    without_future,
)
from support.builders import NOW, ago

CRASHED, HUNG = FailureCause.RUNNER_CRASHED, FailureCause.RUNNER_HUNG


def failure(cause=CRASHED, count=1, age=0.0):
    return Failure(cause=cause, count=count, last=ago(age))


def pod(cause=CRASHED, age=0.0):
    return PodFailure(cause=cause, created=ago(age))


def delay(count, salt="uid"):
    moment = not_before([failure(count=count)], salt)
    return (moment - NOW).total_seconds()


def test_a_pod_that_is_made_and_fails_within_the_second_of_the_failure_before_counts():
    seen, made = NOW.replace(microsecond=900_000), NOW  # the API server's times have whole seconds

    first = add_failures((), [pod()], seen)
    (second,) = add_failures(first, [PodFailure(cause=CRASHED, created=made)], seen)

    assert second.count == 2
    assert forget_healed(first, [made], seen) == ()


def test_the_first_failure_of_a_cause_is_answered_at_once():
    assert add_failures((), [pod()], NOW) == (failure(),)
    assert delay(1) == 0


@pytest.mark.parametrize(("count", "seconds"), [*enumerate(DELAYS, 1), (99, 300)])
def test_failures_in_a_row_are_answered_ever_later_up_to_five_minutes_give_or_take_a_fifth(count, seconds):
    assert 0.8 * seconds <= delay(count) <= 1.2 * seconds


def test_two_pools_do_not_try_again_at_the_same_moment():
    assert delay(8, "one") != delay(8, "other")


def test_without_a_failure_nothing_is_held_back():
    assert not_before((), "uid") is None


def test_a_cause_holds_back_its_own_replacements_and_every_cause_holds_back_new_pods():
    failures = (failure(CRASHED, 8), failure(HUNG, 1))

    assert not_before(failures, "uid", HUNG) == NOW
    assert not_before(failures, "uid") > NOW


def test_pods_that_one_fault_takes_along_are_one_failure():
    failures = add_failures((), [pod(age=99), pod(age=50), pod(age=1)], NOW)

    assert [one.count for one in failures] == [1]
    assert add_failures(failures, [pod(age=70)], NOW + timedelta(seconds=1))[0].count == 1


def test_a_pod_made_after_a_failure_that_fails_too_makes_a_row():
    failures = add_failures((failure(age=10),), [pod(age=9), pod(age=8)], NOW)

    assert failures == (failure(count=2),)
    assert in_a_row(failures)
    assert not in_a_row((failure(),))


def test_the_causes_of_late_are_kept_and_the_oldest_forgotten_first():
    causes = list(FailureCause)
    many = tuple(failure(cause, age=index) for index, cause in enumerate(causes))

    kept = add_failures(many, [], NOW)

    assert {one.cause for one in kept} == set(causes[:MOST])


def test_a_row_is_over_when_a_pod_made_since_works_or_after_a_quarter_of_an_hour():
    failures = (failure(CRASHED, age=100), failure(HUNG, age=20))

    assert forget_healed(failures, [], NOW) == failures
    assert forget_healed(failures, [ago(50)], NOW) == (failures[1],)
    assert forget_healed(failures, [ago(200)], NOW) == failures
    assert forget_healed((failure(age=900),), [], NOW) == ()


def test_a_clock_that_was_set_back_holds_nothing_up():
    assert without_future((failure(age=-3600),), NOW) == (failure(),)


@given(
    st.lists(st.tuples(st.sampled_from(FailureCause), st.integers(0, 1000)), max_size=20),
    st.lists(st.tuples(st.sampled_from(FailureCause), st.integers(0, 1000)), max_size=20),
)
def test_rows_stay_within_the_bounds_of_the_resource(first, second):
    failures = ()
    for batch in (first, second):
        failures = add_failures(failures, [pod(cause, age) for cause, age in batch], NOW)

    assert len(failures) <= MOST
    assert len({one.cause for one in failures}) == len(failures)
    assert all(1 <= one.count <= 2 for one in failures)


@pytest.mark.parametrize("cause", FailureCause)
def test_every_cause_is_a_reason_and_has_a_remedy(cause):
    assert cause.reason is Reason(cause)
    assert REMEDIES[cause]


def test_a_row_that_only_the_end_of_a_job_can_disprove_waits_for_a_pod_that_ended_well():
    rejected, crashed = failure(FailureCause.UPLOAD_REJECTED, age=60), failure(age=60)

    assert forget_healed([rejected, crashed], [ago(30)], NOW) == (rejected,)
    assert forget_healed([rejected, crashed], [ago(30)], NOW, ended_well=[ago(61)]) == (rejected,)
    assert forget_healed([rejected, crashed], [ago(30)], NOW, ended_well=[ago(30)]) == ()


def test_a_row_that_shows_at_the_end_of_jobs_outlives_an_encode_and_is_told_no_longer_than_any():
    rejected = failure(FailureCause.UPLOAD_REJECTED, age=40 * 60)

    assert forget_healed([rejected], [], NOW) == (rejected,)
    assert add_failures([rejected], [pod(FailureCause.UPLOAD_REJECTED, age=30 * 60)], NOW)[0].count == 2
    assert forget_healed([failure(FailureCause.UPLOAD_REJECTED, age=24 * 3600)], [], NOW) == ()
    assert of_late([rejected, failure(age=899)], NOW) == (failure(age=899),)
