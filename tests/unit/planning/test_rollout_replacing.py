"""Once the present settings are proven, old pods are replaced: idle ones first, within maxSurge and maxUnavailable."""

from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Discard, Drain, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    LIVE,
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
    unknown,
)


def wanting(count, **rollout):
    return make_pool(scaling={"minReplicas": count, "maxReplicas": 6}, rollout=rollout)


def steps(pods, *, pool, queue=None, **fields):
    return list(plan(make_snapshot(queue or known(0), pods, pool=pool, **fields)).steps)


def reserved(pods, **fields):
    return tuple(o for step in steps(pods, **fields) if isinstance(step, Reserve) for o in step.ordinals)


def gone(pods, **fields):
    return [step.pod for step in steps(pods, **fields) if isinstance(step, Drain | Discard)]


def called(*ordinals):
    return [pod_called(ordinal) for ordinal in ordinals]


def old(*ordinals, **fields):
    return [outdated(ordinal, **fields) for ordinal in ordinals]


def new(*ordinals, **fields):
    return [make_pod(ordinal, **fields) for ordinal in ordinals]


def test_when_the_new_pod_is_ready_an_idle_old_one_goes_at_once():
    (step,) = steps([*old(1, 2, 3, ready_since=NOW), *new(4)], pool=wanting(3))

    assert isinstance(step, Drain)
    assert (step.pod, step.order, step.reason) == (pod_called(1), "drain", Reason.ROLLOUT)


def test_idle_old_pods_go_before_busy_ones():
    assert gone([*old(1, 2, 3), *new(4)], pool=wanting(3), queue=known(0, held={1: 1, 2: 1})) == called(3)


def test_busy_old_pods_finish_what_they_hold():
    queue = known(0, held={1: 1, 2: 1, 3: 1})

    (step,) = steps([*old(1, 2, 3), *new(4)], pool=wanting(3), queue=queue)

    assert (step.pod, step.order) == (pod_called(1), "drain")


def test_the_next_new_pod_is_made_when_the_old_one_was_told_to_go():
    draining = outdated(1, drain_order="drain", drain_since=ago(1))

    assert reserved([draining, *old(2, 3), *new(4)], pool=wanting(3)) == (5,)


@pytest.mark.parametrize(
    ("rollout", "pods", "goes", "made"),
    [
        ({"maxSurge": 1}, [*old(1, 2, 3, 4)], [], (5,)),
        ({"maxSurge": 3}, [*old(1, 2, 3, 4)], [], (5,)),
        ({"maxSurge": 3}, [*old(1, 2, 3, 4), *new(5)], [1], (6, 7)),
        ({"maxSurge": 3}, [*old(2, 3, 4), *new(5, 6, 7)], [2, 3], (8,)),
        ({"maxSurge": 0, "maxUnavailable": 1}, [*old(2, 3, 4), *new(5)], [2], ()),
        ({"maxSurge": 0, "maxUnavailable": 3}, [*old(2, 3, 4), *new(5)], [2, 3, 4], ()),
        ({"maxSurge": 2, "maxUnavailable": 2}, [*old(1, 2, 3, 4), *new(5)], [1, 2, 3], (6,)),
        ({"maxSurge": 9}, [*old(1), *new(2, 3), make_pod(4, PodStage.STARTING)], [], (5,)),
        ({"maxSurge": 1}, [*old(1), *new(2, 3, 4), make_pod(5, PodStage.STARTING)], [], ()),
        ({"maxSurge": 1}, [*old(1), *new(2, 3, 4, 5)], [1], ()),
    ],
)
def test_surge_and_unavailability_bound_each_step_of_a_rollout(rollout, pods, goes, made):
    """Four pods are wanted."""
    assert gone(pods, pool=wanting(4, **rollout)) == called(*goes)
    assert reserved(pods, pool=wanting(4, **rollout)) == made


def test_at_the_cap_a_rollout_may_go_above_it_by_its_surge():
    pool = make_pool(scaling={"minReplicas": 2, "maxReplicas": 2})

    assert reserved(old(1, 2), pool=pool) == (3,)
    assert steps([*old(1, 2), gated(3, age=1)], pool=pool)[0].pod == pod_called(3)
    assert gone([*old(1, 2), *new(3)], pool=pool) == called(1)


def test_all_unfinished_pods_stay_within_twice_the_cap_and_the_surge():
    pool = make_pool(scaling={"minReplicas": 2, "maxReplicas": 2})
    draining = [make_pod(ordinal, drain_order="drain", drain_since=NOW) for ordinal in (1, 2, 3)]

    assert reserved([*draining[:2], *old(4, 5)], pool=pool) == (6,)
    assert reserved([*draining, *old(4, 5)], pool=pool) == ()


def test_old_pods_that_are_not_ready_all_go_once_the_settings_are_proven():
    pods = [*old(1), outdated(2, PodStage.STARTING), outdated(3, PodStage.STARTING, has_run=False), *new(4)]

    assert sorted(gone(pods, pool=wanting(4))) == called(2, 3)


def test_pods_that_are_not_ready_now_count_against_max_unavailable():
    pods = [*old(1, 2), make_pod(3, PodStage.STARTING), *new(4)]

    assert gone(pods, pool=wanting(4, maxUnavailable=1)) == []
    assert gone(pods, pool=wanting(4, maxUnavailable=2)) == called(1)


def test_a_growing_pool_grows_in_new_pods_while_it_is_rolled_out():
    pods = [*old(1, 2), *new(3)]

    assert reserved(pods, pool=wanting(1), queue=known(6)) == (4, 5, 6, 7)
    assert gone(pods, pool=wanting(1), queue=known(6)) == []


def test_a_pool_scaled_to_zero_lets_its_idle_old_pods_go_at_once_and_makes_none():
    pool = wanting(0)

    assert gone(old(1, 2, ready_since=NOW), pool=pool) == called(1, 2)
    assert reserved(old(1, 2, ready_since=NOW), pool=pool) == ()


def test_a_pool_scaled_to_zero_gives_its_first_pod_up_too():
    pods = [*old(1), gated(2, age=1)]

    assert sorted(gone(pods, pool=wanting(0))) == called(1, 2)


def test_of_more_pods_than_wanted_the_old_ones_go_first_and_at_once():
    pods = [*old(5, ready_since=NOW), *new(1, 2)]

    assert gone(pods, pool=wanting(2)) == called(5)


def test_of_more_pods_than_wanted_old_ones_go_before_a_gated_one():
    assert gone([*old(1, 2), *new(3), gated(4)], pool=wanting(2)) == called(1)


def test_a_surplus_of_old_pods_goes_no_further_than_the_ready_ones_allow():
    pods = [*old(1, ready_since=NOW), *new(2), make_pod(3, PodStage.STARTING), make_pod(4, PodStage.STARTING)]

    assert gone([*pods[:3]], pool=wanting(2)) == []
    assert gone(pods, pool=wanting(2)) == called(3)


def test_a_lowered_cap_takes_old_pods_first():
    pool = make_pool(scaling={"maxReplicas": 2})

    assert gone([*new(1, 2), *old(3)], pool=pool, queue=known(5, held={1: 1, 2: 1, 3: 1})) == called(3)


def test_a_lowered_cap_leaves_room_for_the_first_pod():
    pool = make_pool(scaling={"maxReplicas": 2})
    queue = known(0, held={1: 1, 2: 1, 3: 1, 4: 1})

    assert gone(old(1, 2, 3, 4), pool=pool, queue=queue) == called(1, 2)


def test_a_lowered_cap_is_kept_though_no_first_pod_may_be_made_yet():
    pool = make_pool(scaling={"maxReplicas": 2})
    queue = known(0, held={1: 1, 2: 1, 3: 1})

    assert gone(old(1, 2, 3), pool=pool, queue=queue, create_not_before=NOW + timedelta(seconds=5)) == called(1)


def test_look_ahead_keeps_only_pods_of_the_present_settings():
    queue = known(0, held={1: 1}, waiting_on_work=5)

    assert plan(make_snapshot(queue, [*new(1, 2), *old(3)])).desired == 2


def test_while_the_queue_is_unknown_a_rollout_rests():
    assert steps([*old(1, 2, 3), *new(4)], pool=wanting(3), queue=unknown()) == []


def test_a_pod_that_holds_a_live_stream_is_left_until_it_holds_none():
    pool = make_pool(jobTypes=[LIVE], scaling={"idleSlots": 1})
    pods = [*old(1, 2), *new(3)]

    assert gone(pods, pool=pool, queue=known(0, held={1: 1})) == called(2)
    assert steps([*old(1), *new(3)], pool=pool, queue=known(0, held={1: 1})) == []
    assert gone([*old(1), *new(3)], pool=pool, queue=known(0)) == called(1)


def test_without_knowing_the_present_template_nothing_is_made_and_nobody_is_outdated():
    snapshot = make_snapshot(known(9), [*old(1), *new(2)], template_hash="", reserved=(3,))

    assert plan(snapshot).steps == ()
    assert plan(snapshot).updated == 2


def test_without_knowing_the_present_template_a_pool_still_scales_down():
    assert gone(old(1), pool=wanting(0), template_hash="") == called(1)


def test_an_upgrade_of_the_operator_replaces_idle_pods():
    idle = [superseded(1), superseded(2)]
    (reserve,) = steps(idle, pool=wanting(2))
    (drain,) = steps([*idle, *new(3)], pool=wanting(2))

    assert (reserve.ordinals, reserve.reason) == ((3,), Reason.UPGRADE)
    assert (drain.pod, drain.reason) == (pod_called(1), Reason.UPGRADE)


def test_an_upgrade_of_the_operator_alone_does_not_touch_busy_pods():
    busy = [superseded(1), superseded(2)]
    pool = make_pool(scaling={"maxReplicas": 2})

    assert steps(busy, pool=pool, queue=known(5, held={1: 1, 2: 1})) == []


def test_a_pod_made_for_idle_ones_stays_when_they_are_busy_again():
    """It is the surge, above the cap: whichever of the others is idle first is replaced by it."""
    pool = make_pool(scaling={"maxReplicas": 2})
    pods = [superseded(1), superseded(2), *new(3)]

    assert steps(pods, pool=pool, queue=known(5, held={1: 1, 2: 1, 3: 1})) == []
    assert gone(pods, pool=pool, queue=known(5, held={1: 1, 3: 1})) == called(2)


def test_pods_of_an_earlier_build_do_not_hold_scale_up_back():
    assert reserved([superseded(1), superseded(2)], pool=wanting(0), queue=known(5)) == (3, 4, 5, 6)


def test_a_first_pod_that_an_upgrade_overtakes_before_it_ran_is_made_anew():
    pods = [*old(1), superseded(2, PodStage.STARTING, has_run=False)]

    assert gone(pods, pool=wanting(1)) == called(2)
    assert reserved(pods, pool=wanting(1)) == ()


def test_a_pod_that_somebody_has_changed_is_replaced_like_an_old_one():
    pods = [make_pod(1), make_pod(2)]

    assert reserved(pods, pool=wanting(2), edited={pod_called(2)}) == (3,)
    assert gone([*pods, make_pod(3)], pool=wanting(2), edited={pod_called(2)}) == [pod_called(2)]
