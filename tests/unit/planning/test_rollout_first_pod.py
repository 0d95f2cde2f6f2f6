"""A rollout begins with one pod, which has to become ready before any old one goes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.planning.failures import Failure
from runnerpool.planning.plan import Create, Discard, Drain, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    NOW,
    ago,
    gated,
    known,
    make_pod,
    make_pool,
    make_snapshot,
    outdated,
    pod_called,
    superseded,
)

THREE_WANTED = make_pool(scaling={"minReplicas": 3})
WITHOUT_SURGE = make_pool(scaling={"minReplicas": 3}, rollout={"maxSurge": 0, "maxUnavailable": 1})
LENIENT = make_pool(scaling={"minReplicas": 3}, rollout={"maxUnavailable": 1})
OLD_THREE = tuple(outdated(ordinal) for ordinal in (1, 2, 3))
FIRST = make_pod(4, PodStage.STARTING, created=ago(10))
IN_TWENTY_SECONDS = NOW + timedelta(seconds=20)


def steps(pods, *, pool=THREE_WANTED, queue=None, **fields):
    return list(plan(make_snapshot(queue or known(0), pods, pool=pool, **fields)).steps)


def reserved(pods, **fields):
    return tuple(o for step in steps(pods, **fields) if isinstance(step, Reserve) for o in step.ordinals)


def gone(pods, **fields):
    return [step.pod for step in steps(pods, **fields) if isinstance(step, Drain | Discard)]


def test_one_pod_of_the_present_settings_comes_first_and_nobody_goes():
    (step,) = steps(OLD_THREE)

    assert isinstance(step, Reserve)
    assert (step.ordinals, step.reason) == ((4,), Reason.ROLLOUT)


@pytest.mark.parametrize("queue", [known(0), known(9, held={1: 1, 2: 1, 3: 1})], ids=["empty", "long"])
def test_while_the_first_pod_starts_nothing_else_happens_whatever_the_queue_asks_for(queue):
    assert steps((*OLD_THREE, FIRST), queue=queue) == []


NONE_NEEDED = make_pool(scaling={"idleSeconds": 7200})


@pytest.mark.parametrize(
    ("pods", "known_of"),
    [
        ((FIRST,), {}),
        ((), {"create_not_before": IN_TWENTY_SECONDS}),
        ((), {"failures": (Failure(cause=FailureCause.IMAGE_PULL_FAILED, count=1, last=ago(1)),)}),
    ],
    ids=[
        "a first pod is there",
        "it was refused, and a back-off runs",
        "it has failed once, so the next may come at once",
    ],
)
def test_in_a_lull_idle_old_pods_are_kept_as_ever_while_the_first_pod_has_not_shown_itself(pods, known_of):
    assert gone((*OLD_THREE, *pods), pool=NONE_NEEDED, **known_of) == []


def test_in_a_lull_the_first_pod_may_stand_by_above_the_cap():
    """Once it was thrown away there, nobody had tried the broken settings, and the old pods went for them."""
    full = make_pool(scaling={"idleSeconds": 7200, "maxReplicas": 3})
    broken = replace(FIRST, stuck="ErrImagePull")

    assert gone((*OLD_THREE, broken), pool=full) == []


def test_in_a_lull_the_first_pod_is_not_idle_for_long_before_the_old_ones_are():
    late = replace(FIRST, created=ago(7300), stuck="ErrImagePull")

    assert gone((*OLD_THREE, late), pool=NONE_NEEDED) == []


def test_in_a_lull_the_first_pod_goes_with_the_last_of_the_old_ones():
    long_idle = make_pool(scaling={"idleSeconds": 60})
    late = replace(FIRST, created=ago(7300), stuck="ErrImagePull")

    assert sorted(gone((*OLD_THREE, late), pool=long_idle)) == [pod_called(ordinal) for ordinal in (1, 2, 3, 4)]


def test_in_a_lull_idle_old_pods_go_at_once_if_nobody_has_tried_the_present_settings():
    assert sorted(gone(OLD_THREE, pool=NONE_NEEDED)) == [pod_called(ordinal) for ordinal in (1, 2, 3)]


def test_scale_up_waits_for_the_first_pod_too():
    assert reserved(OLD_THREE, queue=known(9)) == (4,)


def test_a_first_pod_is_registered_as_ever():
    (step,) = steps((*OLD_THREE, gated(4)))

    assert step.pod == pod_called(4)


def test_a_promise_is_the_first_pod_if_there_is_one():
    (step,) = steps(OLD_THREE, reserved=(4,))

    assert isinstance(step, Create)


def test_of_several_promises_one_is_kept_first():
    (step,) = steps(OLD_THREE, reserved=(5, 4), queue=known(9))

    assert step.ordinal == 4


def test_promises_wait_while_the_first_pod_starts():
    assert steps((*OLD_THREE, FIRST), reserved=(5,), queue=known(9)) == []


@pytest.mark.parametrize(
    "proof",
    [make_pod(4), make_pod(4, PodStage.ENDED, succeeded=True), superseded(4)],
    ids=["a ready one", "one that has served and ended well", "a ready one of an earlier build"],
)
def test_with_a_proof_that_the_present_settings_work_old_ones_go(proof):
    assert gone((*OLD_THREE, proof), pool=LENIENT)


@pytest.mark.parametrize(
    "pod",
    [
        make_pod(4, PodStage.STARTING),
        make_pod(4, PodStage.ENDED, end="exit code 4"),
        make_pod(4, drain_order="drain", drain_since=ago(1)),
        make_pod(4, deleting=True),
        outdated(4, PodStage.ENDED, succeeded=True),
    ],
    ids=["starting", "failed", "draining", "being deleted", "of earlier settings"],
)
def test_what_is_no_proof_lets_nobody_go(pod):
    assert gone((*OLD_THREE, pod), pool=LENIENT) == []


def test_a_rollout_that_fails_to_start_stops_there_with_the_old_pods_at_work():
    failed = make_pod(4, PodStage.ENDED, end="exit code 2")

    assert reserved((*OLD_THREE, failed), create_not_before=IN_TWENTY_SECONDS) == ()
    assert gone((*OLD_THREE, failed), create_not_before=IN_TWENTY_SECONDS) == []


def test_after_the_back_off_one_more_pod_is_tried():
    assert reserved(OLD_THREE, last_ordinal=4, create_not_before=NOW) == (5,)


def test_old_pods_stay_though_idle_for_long_since_nothing_could_replace_them_yet():
    pool = make_pool(scaling={"minReplicas": 1})
    young = [outdated(ordinal, ready_since=ago(100)) for ordinal in (1, 2, 3)]

    decision = plan(make_snapshot(known(0), [*young, FIRST], pool=pool))

    assert decision.steps == ()
    assert decision.recheck_after == timedelta(seconds=110)


def test_old_pods_that_are_not_needed_go_after_idle_seconds_as_ever():
    assert gone([*OLD_THREE, FIRST], pool=make_pool(scaling={"minReplicas": 1})) == [pod_called(1), pod_called(2)]


def test_without_surge_one_idle_pod_makes_room():
    queue = known(0, held={1: 1, 3: 1})

    (step,) = steps(OLD_THREE, pool=WITHOUT_SURGE, queue=queue)

    assert (step.pod, step.reason) == (pod_called(2), Reason.ROLLOUT)


def test_without_surge_and_without_an_idle_pod_one_busy_pod_makes_room():
    (step,) = steps(OLD_THREE, pool=WITHOUT_SURGE, queue=known(0, held={1: 1, 2: 1, 3: 1}))

    assert (step.pod, step.order) == (pod_called(1), "drain")


@pytest.mark.parametrize(
    ("pods", "reserve"),
    [
        ((replace(OLD_THREE[0], drain_order="drain", drain_since=ago(1)), *OLD_THREE[1:]), (4,)),
        ((*OLD_THREE[1:], FIRST), ()),
    ],
    ids=["the room is there", "the first pod starts"],
)
def test_without_surge_only_one_makes_room(pods, reserve):
    assert gone(pods, pool=WITHOUT_SURGE) == []
    assert reserved(pods, pool=WITHOUT_SURGE) == reserve


def test_only_one_makes_room_though_more_may_be_unavailable():
    pool = make_pool(scaling={"minReplicas": 3}, rollout={"maxSurge": 0, "maxUnavailable": 3})

    assert gone(OLD_THREE, pool=pool) == [pod_called(1)]


def test_nobody_makes_room_where_one_that_never_ran_leaves_it():
    pods = (*OLD_THREE[:2], outdated(3, PodStage.STARTING, has_run=False))

    assert gone(pods, pool=WITHOUT_SURGE) == [pod_called(3)]


def test_nobody_makes_room_for_a_first_pod_that_nobody_wants():
    pool = make_pool(override="replicas=0,until=2026-12-01T08:00:00Z")

    assert gone(OLD_THREE, pool=pool, queue=known(0, held={1: 1, 2: 1, 3: 1})) == []


def test_nobody_makes_room_for_a_promise_that_the_cap_has_room_for():
    pool = make_pool(runner={"concurrency": 2})

    (step,) = steps(OLD_THREE, pool=pool, queue=known(0, held={1: 1, 2: 1, 3: 1}), reserved=(4,))

    assert isinstance(step, Create)


def test_nobody_makes_room_while_nothing_may_be_created():
    assert steps(OLD_THREE, pool=WITHOUT_SURGE, create_not_before=IN_TWENTY_SECONDS) == []


def test_nobody_makes_room_in_a_pool_that_is_larger_than_its_pods_yet():
    pool = make_pool(scaling={"minReplicas": 4}, rollout={"maxSurge": 0, "maxUnavailable": 1})

    assert reserved(OLD_THREE, pool=pool) == (4,)
    assert gone(OLD_THREE, pool=pool) == []


def test_busy_pods_that_leave_no_room_though_fewer_are_wanted_lose_one():
    """Two jobs fit in a pod, three pods hold one each: two pods are wanted, and with three there is no room."""
    pool = make_pool(runner={"concurrency": 2})

    assert gone(OLD_THREE, pool=pool, queue=known(0, held={1: 1, 2: 1, 3: 1})) == [pod_called(1)]


def test_a_promise_that_the_cap_has_no_room_for_is_made_room_for():
    pool = make_pool(scaling={"minReplicas": 2, "maxReplicas": 2}, rollout={"maxSurge": 0, "maxUnavailable": 1})

    assert gone(OLD_THREE[:2], pool=pool, reserved=(3,)) == [pod_called(1)]


def test_an_old_pod_that_is_not_ready_makes_room_before_one_that_is():
    pods = (*OLD_THREE[:2], outdated(3, PodStage.STARTING))

    assert gone(pods, pool=WITHOUT_SURGE) == [pod_called(3)]


def test_the_stuck_pod_of_a_broken_template_makes_room_at_once_when_the_template_is_mended():
    stuck = outdated(4, PodStage.STARTING)

    assert gone((*OLD_THREE, stuck)) == [pod_called(4)]


@pytest.mark.parametrize("stage", [PodStage.GATED, PodStage.STARTING])
def test_old_pods_that_never_ran_are_thrown_away_at_once(stage):
    never = outdated(4, stage, has_run=False, created=ago(1))

    (step,) = [step for step in steps((*OLD_THREE, never)) if not isinstance(step, Reserve)]

    assert (type(step), step.pod) == (Discard, pod_called(4))


def test_when_all_old_pods_have_gone_nothing_is_held_back():
    assert reserved(()) == (1, 2, 3)


def test_settings_that_were_changed_back_need_no_proof_but_their_own_ready_pods():
    pods = (make_pod(1), make_pod(2), make_pod(3), outdated(4, PodStage.STARTING))

    assert gone(pods) == [pod_called(4)]
    assert reserved(pods) == ()
