from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Complete, Discard, Drain, ForceDelete, ReleaseReserved, Remove, Stop, Unregister
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage, RunnerRow
from support.builders import ago, gated, known, make_pod, make_pool, make_row, make_snapshot, pod_called, unknown

ONE_NEEDED = known(1)


def only_step(snapshot):
    (step,) = plan(snapshot).steps
    return step


def test_a_gated_pod_is_completed():
    step = only_step(make_snapshot(ONE_NEEDED, [gated(1)]))

    assert step == Complete(pod=pod_called(1), uid="uid-1", reason=Reason.GATED, message=step.message)


def test_a_gated_pod_has_sixty_seconds():
    snapshot = make_snapshot(ONE_NEEDED, [gated(1, age=59)])

    assert isinstance(only_step(snapshot), Complete)
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


def test_a_gated_pod_past_its_deadline_is_thrown_away():
    discard = plan(make_snapshot(ONE_NEEDED, [gated(1, age=60)])).steps[0]

    assert isinstance(discard, Discard)
    assert discard.reason is Reason.REGISTRATION_OVERDUE


def test_while_the_queue_is_unknown_a_gated_pod_keeps_being_completed():
    snapshot = make_snapshot(unknown(), [gated(1, age=3600)])

    assert isinstance(only_step(snapshot), Complete)
    assert plan(make_snapshot(unknown(), [gated(1)])).recheck_after is None


def test_a_gated_pod_that_is_being_deleted_is_left_alone():
    assert plan(make_snapshot(known(0), [gated(1, deleting=True)])).steps == ()


@pytest.mark.parametrize(
    "pod", [gated(1, drain_order="drain"), make_pod(1, PodStage.STARTING, has_run=False, drain_order="x")]
)
def test_a_pod_that_never_ran_cannot_obey_a_drain_order_and_is_thrown_away(pod):
    step = only_step(make_snapshot(known(0), [pod]))

    assert isinstance(step, Discard)
    assert step.reason is Reason.DRAIN_ORDERED


def test_a_starting_pod_that_may_have_run_is_never_thrown_away():
    assert (
        plan(make_snapshot(known(0), [make_pod(1, PodStage.STARTING, drain_order="x", drain_since=ago(1))])).steps == ()
    )


def test_a_draining_pod_is_let_be_until_its_time_is_up():
    snapshot = make_snapshot(known(0), [make_pod(1, drain_order="drain", drain_since=ago(21599))])

    assert plan(snapshot).steps == ()
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


def test_a_pod_that_drains_for_too_long_hands_its_jobs_back():
    step = only_step(make_snapshot(known(0, held={1: 1}), [make_pod(1, drain_order="drain", drain_since=ago(21600))]))

    assert isinstance(step, Drain)
    assert (step.order, step.reason) == ("abort", Reason.DRAIN_TIMEOUT)


def test_the_time_of_a_drain_runs_out_though_the_queue_is_unknown():
    step = only_step(make_snapshot(unknown(), [make_pod(1, drain_order="drain", drain_since=ago(21600))]))

    assert step.order == "abort"


def test_the_drain_timeout_is_the_pools():
    pool = make_pool(lifecycle={"drainTimeoutSeconds": 30})

    assert (
        only_step(make_snapshot(known(0), [make_pod(1, drain_order="x", drain_since=ago(30))], pool=pool)).order
        == "abort"
    )


def test_an_aborting_pod_is_not_told_again():
    snapshot = make_snapshot(known(0), [make_pod(1, drain_order="abort", drain_since=ago(119))])

    assert plan(snapshot).steps == ()
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


def test_a_pod_that_ignores_the_order_to_hand_back_is_deleted():
    """The only pods that are deleted alive: nothing that they hold can be saved any more."""
    snapshot = make_snapshot(known(0), [make_pod(1, drain_order="abort", drain_since=ago(120))])

    step = only_step(snapshot)

    assert isinstance(step, Stop)
    assert step.reason is Reason.ABORT_IGNORED


def test_an_order_to_hand_back_that_was_given_by_hand_is_given_a_time():
    step = only_step(make_snapshot(known(0), [make_pod(1, drain_order="abort")]))

    assert isinstance(step, Drain)
    assert (step.order, step.reason) == ("abort", Reason.DRAIN_ORDERED)


FORCED = make_pool(lifecycle={"lostPods": "ForceDelete"})


def test_a_pod_past_its_deletion_time_is_left_alone_unless_the_pool_says_otherwise():
    pod = make_pod(1, deleting=True, lost_since=ago(60))

    assert plan(make_snapshot(known(0), [pod])).steps == ()
    step = only_step(make_snapshot(known(0), [pod], pool=FORCED))
    assert isinstance(step, ForceDelete)
    assert step.reason is Reason.NODE_LOST


def test_a_pod_is_deleted_by_force_only_after_the_tolerance():
    pod = make_pod(1, deleting=True, lost_since=ago(59))

    decision = plan(make_snapshot(known(0), [pod], pool=FORCED))

    assert (decision.steps, decision.recheck_after) == ((), timedelta(seconds=1))


def failed_pods(*ages):
    return [make_pod(n, PodStage.ENDED, ended_at=ago(age), created=ago(9999)) for n, age in enumerate(ages, 1)]


def test_the_two_pods_that_failed_last_are_kept_for_their_logs():
    decision = plan(make_snapshot(known(0), failed_pods(30, 10, 20)))

    assert [step.pod for step in decision.steps] == [pod_called(1)]
    assert decision.steps[0].reason is Reason.RUNNER_CRASHED
    assert decision.recheck_after == timedelta(seconds=3580)


def test_a_pod_that_is_kept_for_its_log_is_unregistered_at_once():
    step = only_step(make_snapshot(known(0), failed_pods(30), rows=(make_row(1),)))

    assert isinstance(step, Unregister)
    assert (step.runner, step.reason) == (pod_called(1), Reason.RUNNER_CRASHED)


def test_a_failed_pod_is_swept_after_an_hour():
    assert isinstance(only_step(make_snapshot(known(0), failed_pods(3600))), Remove)


def test_a_pool_that_is_deleted_keeps_no_failed_pod():
    pool = make_pool(deleting=True)

    removed = plan(make_snapshot(known(0), failed_pods(1, 2), pool=pool)).steps

    assert {step.pod for step in removed if isinstance(step, Remove)} == {pod_called(1), pod_called(2)}


def test_a_pod_that_somebody_drains_by_hand_gets_its_time_stamped():
    """Without a time its jobs would never be handed back."""
    step = only_step(make_snapshot(known(0), [make_pod(1, drain_order="maintenance", drain_since=None)]))

    assert isinstance(step, Drain)
    assert (step.order, step.reason) == ("drain", Reason.DRAIN_ORDERED)


def test_a_sick_pod_whose_order_lost_its_moment_is_still_known_for_sick():
    """Else a pod that stands in for what it holds would be thrown away again."""
    step = only_step(make_snapshot(known(0), [make_pod(1, drain_order="drain", drain_reason="Unready")]))

    assert (step.order, step.reason) == ("drain", Reason.UNREADY)


def test_a_draining_pod_that_the_cluster_deletes_is_left_to_the_cluster():
    pod = make_pod(1, drain_order="drain", drain_since=ago(99999), deleting=True)

    assert plan(make_snapshot(known(0), [pod])).steps == ()


@pytest.mark.parametrize(("succeeded", "reason"), [(True, Reason.DRAINED), (False, Reason.DRAIN_CUT)])
def test_an_ended_pod_is_removed(succeeded, reason):
    order = None if succeeded else "abort"
    pod = make_pod(1, PodStage.ENDED, succeeded=succeeded, drain_order=order)

    step = only_step(make_snapshot(known(0), [pod]))

    assert isinstance(step, Remove)
    assert (step.pod, step.uid, step.reason) == (pod_called(1), "uid-1", reason)


def test_an_ended_pod_is_removed_while_the_queue_is_unknown():
    assert isinstance(only_step(make_snapshot(unknown(), [make_pod(1, PodStage.ENDED, succeeded=True)])), Remove)


def test_a_row_without_a_pod_is_a_ghost():
    step = only_step(make_snapshot(known(0), rows=(make_row(3),)))

    assert isinstance(step, Unregister)
    assert (step.row_id, step.runner, step.reason) == (1003, pod_called(3), Reason.GHOST)


def test_a_row_of_ours_under_an_odd_name_is_a_ghost_too():
    assert isinstance(only_step(make_snapshot(known(0), rows=(RunnerRow(id=5, name="renamed"),))), Unregister)


@pytest.mark.parametrize("stage", list(PodStage))
def test_a_row_with_a_pod_is_no_ghost_whatever_the_pods_stage(stage):
    pod = make_pod(3, stage, created=ago(1), succeeded=True)

    steps = plan(make_snapshot(known(1), [pod], rows=(make_row(3),))).steps

    assert not any(isinstance(step, Unregister) for step in steps)


def test_a_row_of_a_promised_pod_is_left_alone():
    steps = plan(make_snapshot(known(1), rows=(make_row(3),), reserved=(3,))).steps

    assert not any(isinstance(step, Unregister) for step in steps)


def test_a_row_of_a_promised_pod_that_the_cap_has_no_room_for_is_a_ghost():
    """Its pod was there and has gone; nobody will make it anew until the cap is raised, which may be never."""
    snapshot = make_snapshot(known(1), rows=(make_row(3),), reserved=(3,), pool=make_pool(scaling={"maxReplicas": 0}))

    assert isinstance(only_step(snapshot), Unregister)


def test_rows_that_could_not_be_listed_tell_nothing():
    assert plan(make_snapshot(known(0), rows=None)).steps == ()


def test_a_promise_is_released_when_its_pod_is_there():
    step = plan(make_snapshot(known(2), [gated(3), make_pod(5)], reserved=(5, 3))).steps[0]

    assert isinstance(step, ReleaseReserved)
    assert (step.ordinals, step.reason) == ((3, 5), Reason.POD_SEEN)


@pytest.mark.parametrize("told", [{"drain_order": "abort"}, {"deleting": True}])
def test_a_pod_that_was_told_to_go_and_handed_its_jobs_back_has_not_failed(told):
    pod = make_pod(1, PodStage.ENDED, end="exit code 5", **told)

    (step,) = plan(make_snapshot(known(), [pod])).steps

    assert isinstance(step, Remove)
    assert step.reason is Reason.DRAIN_CUT
    assert "exit code 5" in step.message
