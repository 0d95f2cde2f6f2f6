from datetime import timedelta

import pytest

from runnerpool.api.names import MAX_POOL_NAME_LENGTH, pod_name, pod_ordinal
from runnerpool.api.reasons import Reason
from runnerpool.planning.naming import MAX_ORDINAL
from runnerpool.planning.plan import Create, Discard, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage, RunnerRow
from support.builders import NOW, gated, known, make_pod, make_pool, make_row, make_snapshot, pod_called, unknown


def steps(snapshot, kind):
    return [step for step in plan(snapshot).steps if isinstance(step, kind)]


def reserved(snapshot):
    return tuple(ordinal for step in steps(snapshot, Reserve) for ordinal in step.ordinals)


def test_missing_pods_are_reserved_in_one_step():
    (reserve,) = steps(make_snapshot(known(3)), Reserve)

    assert reserve.ordinals == (1, 2, 3)
    assert reserve.reason is Reason.SCALE_UP


def test_pods_that_are_gated_starting_or_promised_count():
    pods = (gated(1), make_pod(2, PodStage.STARTING), make_pod(3))

    assert reserved(make_snapshot(known(6), pods, reserved=(4,))) == (5, 6)


@pytest.mark.parametrize(
    "gone",
    [
        make_pod(1, drain_order="drain"),
        make_pod(1, deleting=True),
        make_pod(1, PodStage.ENDED, succeeded=True),
    ],
    ids=["draining", "being deleted", "ended"],
)
def test_pods_that_take_no_more_work_do_not_count(gone):
    assert reserved(make_snapshot(known(1), [gone])) == (2,)


@pytest.mark.parametrize(
    ("known_from", "fields"),
    [
        ("status", {"last_ordinal": 8}),
        ("pods", {"pods": [make_pod(8, PodStage.ENDED)]}),
        ("reserved ones", {"reserved": (8,), "pods": [make_pod(8, PodStage.ENDED)]}),
        ("marked rows", {"rows": (make_row(8),)}),
    ],
)
def test_a_new_ordinal_is_above_all_that_are_known(known_from, fields):
    assert reserved(make_snapshot(known(1), **fields)) == (9,)


@pytest.mark.parametrize("name", ["vod-0a1b2-999999999", "vod-fffff-50", "made-by-hand", "vod-0a1b2-٣"])
def test_a_row_with_an_absurd_or_foreign_name_uses_no_numbers_up(name):
    assert reserved(make_snapshot(known(1), rows=(RunnerRow(id=1, name=name),), last_ordinal=4)) == (5,)


def test_without_a_list_of_rows_the_other_sources_suffice():
    assert reserved(make_snapshot(known(1), rows=None, last_ordinal=4)) == (5,)


def test_no_ordinal_is_given_out_that_could_not_be_read_back():
    snapshot = make_snapshot(known(5), last_ordinal=MAX_ORDINAL - 1)

    assert reserved(snapshot) == (MAX_ORDINAL,)
    assert pod_ordinal(pod_called(MAX_ORDINAL), "vod", snapshot.pool.uid) == MAX_ORDINAL
    assert reserved(make_snapshot(known(5), last_ordinal=MAX_ORDINAL)) == ()


def test_the_longest_pod_name_is_a_valid_label_value():
    assert len(pod_name("x" * MAX_POOL_NAME_LENGTH, "0a1b2c3d", MAX_ORDINAL)) <= 63


def test_a_promise_that_nobody_has_kept_is_kept_now():
    (create,) = steps(make_snapshot(known(1), reserved=(4,), last_ordinal=4), Create)

    assert (create.ordinal, create.reason) == (4, Reason.RESERVED)


def test_a_promise_is_kept_even_if_nothing_needs_it_any_more():
    """It may not be dropped: another writer may be creating the pod, and its pod would then be one too many."""
    assert [step.ordinal for step in steps(make_snapshot(known(0), reserved=(4,)), Create)] == [4]


def test_a_promise_above_a_lowered_cap_waits_for_room():
    pods = (make_pod(1), make_pod(2))
    pool = make_pool(scaling={"maxReplicas": 2})
    queue = known(3, held={1: 1, 2: 1})

    assert steps(make_snapshot(queue, pods, pool=pool, reserved=(3,)), Create) == []
    (create,) = steps(make_snapshot(queue, pods[:1], pool=pool, reserved=(3,)), Create)
    assert create.ordinal == 3


def test_after_failures_nothing_is_created_before_the_back_off_ends():
    snapshot = make_snapshot(known(3), reserved=(4,), create_not_before=NOW + timedelta(seconds=20))

    assert steps(snapshot, Reserve | Create) == []
    assert plan(snapshot).recheck_after == timedelta(seconds=20)


def test_a_back_off_that_has_ended_holds_nothing_back():
    assert reserved(make_snapshot(known(1), create_not_before=NOW)) == (1,)


def test_a_back_off_is_no_deadline_when_nothing_is_missing():
    assert plan(make_snapshot(known(0), create_not_before=NOW + timedelta(seconds=20))).recheck_after is None


def test_all_unfinished_pods_stay_within_twice_the_cap():
    pool = make_pool(scaling={"maxReplicas": 3})
    draining = [make_pod(ordinal, drain_order="drain", drain_since=NOW) for ordinal in range(1, 6)]

    assert reserved(make_snapshot(known(9), draining, pool=pool)) == (6,)
    assert reserved(make_snapshot(known(9), [*draining, make_pod(6)], pool=pool)) == ()
    assert reserved(make_snapshot(known(9), draining, pool=pool, reserved=(6,))) == ()


def test_an_unknown_queue_makes_pods_up_to_the_floor_only():
    pool = make_pool(scaling={"minReplicas": 2})

    assert reserved(make_snapshot(unknown(), pool=pool)) == (1, 2)
    assert reserved(make_snapshot(unknown(), [make_pod(1), make_pod(2)], pool=pool)) == ()


def test_a_pod_given_up_is_replaced_in_the_same_pass_where_the_cap_has_room():
    snapshot = make_snapshot(known(1), [gated(1, age=61)])

    assert len(steps(snapshot, Discard)) == 1
    assert reserved(snapshot) == (2,)


def test_a_pod_given_up_at_the_cap_is_replaced_only_once_it_has_gone():
    """Steps may fail: the cap must hold even if the one pod stays and the other comes."""
    snapshot = make_snapshot(known(1), [gated(1, age=61)], pool=make_pool(scaling={"maxReplicas": 1}))

    assert len(steps(snapshot, Discard)) == 1
    assert reserved(snapshot) == ()
