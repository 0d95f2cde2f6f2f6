from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Discard, Drain, ReleaseReserved, Remove, RemoveFinalizer, Stop, Unregister
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage, RemovalsFailing
from support.builders import ago, gated, known, make_pod, make_pool, make_row, make_snapshot, pod_called, unknown

DRAINED = make_pool(deleting=True)
ABORTED = make_pool(deleting=True, lifecycle={"deletionPolicy": "Abort"})


def steps(pods=(), *, pool=DRAINED, queue=None, **fields):
    return list(plan(make_snapshot(queue or known(5), pods, pool=pool, **fields)).steps)


def test_every_pod_of_a_deleted_pool_is_drained_busy_or_not():
    drains = steps([make_pod(1), make_pod(2)], queue=known(0, held={1: 1}))

    assert [(step.pod, step.order, step.reason) for step in drains] == [
        (pod_called(1), "drain", Reason.POOL_DELETED),
        (pod_called(2), "drain", Reason.POOL_DELETED),
    ]


def test_with_policy_abort_jobs_are_handed_back_at_once():
    (step,) = steps([make_pod(1)], pool=ABORTED)

    assert isinstance(step, Drain)
    assert step.order == "abort"


def test_with_policy_abort_pods_that_drain_already_are_told_to_abort():
    (step,) = steps([make_pod(1, drain_order="drain", drain_since=ago(5))], pool=ABORTED)

    assert step.order == "abort"


@pytest.mark.parametrize(
    "pod",
    [
        make_pod(1, drain_order="abort", drain_since=ago(1)),
        make_pod(1, drain_order="drain", deleting=True),
        make_pod(1, deleting=True),
    ],
)
def test_with_policy_abort_pods_that_can_do_no_more_are_left_alone(pod):
    assert steps([pod], pool=ABORTED) == []


def test_a_drain_that_takes_too_long_is_aborted_as_ever():
    (step,) = steps([make_pod(1, drain_order="drain", drain_since=ago(21600))])

    assert (step.order, step.reason) == ("abort", Reason.DRAIN_TIMEOUT)


def test_the_drain_deadline_is_the_next_one():
    snapshot = make_snapshot(known(0), [make_pod(1, drain_order="drain", drain_since=ago(21500))], pool=DRAINED)

    assert plan(snapshot).recheck_after == timedelta(seconds=100)


@pytest.mark.parametrize("pool", [DRAINED, ABORTED], ids=["Drain", "Abort"])
@pytest.mark.parametrize(
    "pod",
    [gated(1), make_pod(1, PodStage.STARTING, has_run=False), gated(1, drain_order="drain")],
    ids=["gated", "unscheduled", "gated and draining"],
)
def test_pods_that_never_ran_are_thrown_away(pool, pod):
    (step,) = steps([pod], pool=pool)

    assert isinstance(step, Discard)


def test_nothing_is_created_and_promises_are_dropped():
    (step,) = steps(reserved=(4, 2), rows=None)
    assert isinstance(step, ReleaseReserved)
    assert (step.ordinals, step.reason) == ((2, 4), Reason.POOL_DELETED)


def test_ended_pods_are_removed_and_ghosts_unregistered():
    ended = make_pod(1, PodStage.ENDED, succeeded=True)

    kinds = [type(step) for step in steps([ended], rows=(make_row(1), make_row(2)))]

    assert kinds == [Remove, Unregister]


def test_the_finalizer_goes_when_no_unfinished_pod_and_no_row_is_left():
    (step,) = steps()

    assert isinstance(step, RemoveFinalizer)


@pytest.mark.parametrize(
    "left",
    [
        {"pods": [make_pod(1, drain_order="abort")]},
        {"pods": [make_pod(1, deleting=True)]},
        {"pods": [make_pod(1, deleting=True)], "queue": unknown(seconds=3600)},
        {"rows": (make_row(1),)},
        {"rows": None},
        {"rows": None, "queue": unknown(seconds=44)},
    ],
    ids=["a draining pod", "a deleted pod", "a pod though the server is gone", "a row", "unlisted rows", "away"],
)
def test_the_finalizer_stays_while_something_may_be_left(left):
    assert not any(isinstance(step, RemoveFinalizer) for step in steps(**left))


def test_a_finalizer_that_has_gone_is_not_removed_again():
    assert steps(pool=make_pool(deleting=True, has_finalizer=False)) == []


def test_an_unknown_queue_does_not_stop_a_deletion():
    (step,) = steps([make_pod(1)], queue=unknown())

    assert isinstance(step, Drain)


def test_the_target_of_a_deleted_pool_is_none():
    decision = plan(make_snapshot(known(9), [make_pod(1)], pool=DRAINED))

    assert (decision.desired, decision.reason) == (0, Reason.POOL_DELETED)
    assert [(term.stage, term.before, term.after) for term in decision.terms] == [("deletion", 1, 0)]


@pytest.mark.parametrize("rows", [None, (make_row(1),)], ids=["never listed", "listed before the server went"])
@pytest.mark.parametrize("pods", [[], [make_pod(1, PodStage.ENDED)]], ids=["no pod", "an ended pod"])
def test_runners_that_cannot_be_reached_for_45_seconds_are_left_behind(rows, pods):
    gone = steps(pods, queue=unknown(seconds=45), rows=rows)[-1]

    assert isinstance(gone, RemoveFinalizer)
    assert gone.reason is Reason.RUNNERS_LEFT_BEHIND
    assert pod_called(1).removesuffix("1") in gone.message
    assert "Unknown" not in gone.message


def test_the_45_seconds_begin_with_the_deletion_if_the_server_was_gone_before():
    pool = DRAINED.model_copy(update={"deleting_since": ago(44)})
    snapshot = make_snapshot(unknown(seconds=3600), pool=pool, rows=None)

    assert plan(snapshot).steps == ()
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


@pytest.mark.parametrize("rows", [None, (make_row(1),)], ids=["not listed yet", "listed"])
def test_a_server_that_answers_is_waited_for_however_long_the_pool_has_been_deleted(rows):
    assert not any(isinstance(step, RemoveFinalizer) for step in steps(rows=rows))


def failing(seconds):
    return RemovalsFailing(since=ago(seconds), reason=Reason.SERVER_ERROR)


def test_runners_that_a_server_has_refused_to_remove_for_45_seconds_are_left_behind_and_named():
    *tries, gone = steps(rows=(make_row(1), make_row(2)), removals_failing=failing(45))

    assert [type(step) for step in tries] == [Unregister, Unregister]
    assert isinstance(gone, RemoveFinalizer)
    assert gone.reason is Reason.RUNNERS_LEFT_BEHIND
    assert "has removed none of them for 45 s (ServerError)" in gone.message
    assert gone.message.endswith(f"last seen there: {pod_called(1)}, {pod_called(2)}")


def test_no_more_runners_are_named_than_an_event_has_room_for():
    gone = steps(rows=tuple(map(make_row, range(1, 100))), removals_failing=failing(45))[-1]

    assert f"{pod_called(1)}, " in gone.message
    assert gone.message.endswith(" and 89 more")
    assert len(gone.message) < 700


def test_removals_that_fail_are_tried_again_for_45_seconds_of_the_deletion():
    pool = DRAINED.model_copy(update={"deleting_since": ago(44)})
    snapshot = make_snapshot(known(), pool=pool, rows=(make_row(1),), removals_failing=failing(3600))

    assert [type(step) for step in plan(snapshot).steps] == [Unregister]
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


def test_a_server_that_falls_silent_after_it_has_refused_gets_no_more_time():
    """Nor does one whose Secret goes then, which its rows are unknown by."""
    gone = steps(queue=unknown(Reason.SECRET_NOT_FOUND, seconds=5), rows=None, removals_failing=failing(45))[-1]

    assert isinstance(gone, RemoveFinalizer)
    assert "removed none of them" in gone.message


def test_a_pod_at_work_holds_a_pool_whose_rows_cannot_be_removed():
    left = steps([make_pod(1, drain_order="drain", drain_since=ago(5))], removals_failing=failing(3600))

    assert left == []


def test_a_server_that_hangs_is_not_asked_by_a_pass_until_its_poller_has_had_an_answer():
    """Each call would take its whole time limit, and the pass would end long after the pool's time."""
    pods = [make_pod(1, PodStage.ENDED), gated(2), make_pod(3)]

    early = steps(pods, queue=unknown(Reason.SERVER_TIMEOUT, seconds=44), rows=(make_row(1), make_row(9)))
    late = steps(pods[:2], queue=unknown(Reason.SERVER_TIMEOUT, seconds=45), rows=(make_row(1), make_row(9)))

    assert [type(step) for step in early] == [Drain]
    assert [type(step) for step in late] == [RemoveFinalizer]


@pytest.mark.parametrize("pod", [gated(1), make_pod(1, PodStage.STARTING, has_run=False)])
@pytest.mark.parametrize("rows", [None, ()], ids=["never listed", "none when the server was last asked"])
def test_a_pod_that_never_ran_does_not_hold_a_pool_whose_server_is_out_of_reach(rows, pod):
    late = steps([pod], queue=unknown(seconds=46), rows=rows)
    early = steps([pod], queue=unknown(seconds=44), rows=rows)

    assert [type(step) for step in late] == [Discard, RemoveFinalizer]
    assert [type(step) for step in early] == [Discard]


def test_a_pod_that_never_ran_is_thrown_away_first_where_the_server_can_be_asked():
    assert [type(step) for step in steps([gated(1)], rows=())] == [Discard]


ORPHANED = ABORTED.model_copy(update={"orphaning": True})


def test_the_pods_of_a_pool_deleted_without_its_dependents_are_left_as_they_are_and_named():
    (step,) = steps([make_pod(1), make_pod(2, drain_order="drain", drain_since=ago(90000))], pool=ORPHANED)

    assert isinstance(step, RemoveFinalizer)
    assert step.reason is Reason.RUNNERS_LEFT_BEHIND
    assert f"go on taking jobs, and kubectl delete pod lets them finish and go ({pod_called(1)})" in step.message
    assert f"take no more ({pod_called(2)})" in step.message


@pytest.mark.parametrize("queue", [known(1), unknown()])
def test_gated_pods_of_a_pool_deleted_without_its_dependents_are_deleted_whatever_the_server_says(queue):
    stopped, freed = steps([make_pod(1), gated(2), gated(3, deleting=True)], pool=ORPHANED, queue=queue)

    assert isinstance(stopped, Stop)
    assert (stopped.pod, stopped.reason) == (pod_called(2), Reason.POOL_DELETED)
    assert isinstance(freed, RemoveFinalizer)
    assert pod_called(1) in freed.message
    assert pod_called(2) not in freed.message
    assert "take no more" not in freed.message


def test_a_pool_deleted_without_its_dependents_that_has_only_draining_pods_says_that_none_takes_jobs():
    (freed,) = steps([make_pod(1, drain_order="drain", drain_since=ago(1))], pool=ORPHANED)

    assert pod_called(1) in freed.message
    assert "go on taking jobs" not in freed.message


def test_a_pool_without_our_finalizer_that_is_deleted_without_its_dependents_needs_nothing():
    assert steps(pool=ORPHANED.model_copy(update={"has_finalizer": False}), rows=()) == []
