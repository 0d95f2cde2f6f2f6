"""Whole rollouts, from the change of the settings to their end, in a simulated world."""

from collections.abc import Callable

import pytest

from runnerpool.api.pool import Mode
from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Create, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import LIVE, TEMPLATE, make_pool
from support.world import World

PASSES = 80


def world_of(count: int, **parts: object) -> World:
    """A pool with that many ready pods, all idle."""
    scaling = {"minReplicas": count, "maxReplicas": count, **parts.pop("scaling", {})}
    world = World(pool=make_pool(scaling=scaling, **parts))
    for _ in range(5):
        make_pass(world)
    assert len(world.runners(PodStage.READY)) == count
    return world


def make_pass(world: World, *, live_on: Callable[[World], None] = World.live_on) -> None:
    """One pass of the operator, carried out in full, and twenty seconds of the world after it."""
    snapshot = world.snapshot()
    decision = plan(snapshot)
    for step in decision.steps:
        world.act(snapshot, step)
        if isinstance(step, Reserve):
            for ordinal in step.ordinals:
                world.act(snapshot, Create(ordinal=ordinal, reason=Reason.RESERVED, message=""))
    if any(isinstance(step, Reserve) for step in decision.steps):
        world.touch()
    live_on(world)
    world.wait(20)


def change_settings(world: World, template: str) -> None:
    world.template = template
    world.touch()


def of_template(world: World, template: str) -> list[str]:
    return [pod.name for pod in world.pods.values() if pod.may_take_work and pod.template_hash == template]


def serving(world: World) -> int:
    return sum(pod.may_take_work and pod.stage is PodStage.READY for pod in world.pods.values())


@pytest.mark.parametrize("rollout", [(1, 0), (3, 0), (0, 1), (2, 2), (0, 4)], ids=str)
@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("jobs", [0, 3, 200], ids=["idle", "some work", "more work than the rollout lasts"])
def test_every_pod_is_replaced_and_no_job_is_lost(rollout, concurrency, jobs):
    bounds = {"maxSurge": rollout[0], "maxUnavailable": rollout[1]}
    world = world_of(4, rollout=bounds, runner={"concurrency": concurrency})
    world.enqueue(jobs)
    change_settings(world, "next")

    least = 4
    for _ in range(PASSES):
        make_pass(world)
        world.check_jobs()
        assert len(world.counted) <= 4 + rollout[0]
        least = min(least, serving(world))

    assert not world.old
    assert len(of_template(world, "next")) == 4
    assert least >= 4 - rollout[1]
    assert plan(world.snapshot()).rollout is None


def test_busy_pods_finish_their_jobs_before_they_are_replaced():
    world = world_of(2)
    world.enqueue(2)
    World.live_on(world)
    busy = sorted(name for name, jobs in world.held.items() if jobs)
    change_settings(world, "next")

    for _ in range(10):
        make_pass(world, live_on=start_only)

    assert sorted(name for name in busy if name in world.pods) == busy
    assert all(world.pods[name].drain_order == "drain" for name in busy)
    assert len(of_template(world, "next")) == 2


def start_only(world: World) -> None:
    """Pods start, but no job ends."""
    for name in world.runners(PodStage.STARTING):
        world.start(name)


@pytest.mark.parametrize("jobs", [0, 3], ids=["idle", "busy"])
def test_a_rollout_to_settings_that_do_not_work_stops_after_one_pod_and_goes_on_when_they_are_mended(jobs):
    world = world_of(3)
    world.broken = {"broken"}
    world.enqueue(jobs)
    change_settings(world, "broken")

    for _ in range(20):
        make_pass(world)
        assert len(of_template(world, "broken")) <= 1
        assert serving(world) == 3
    state = plan(world.snapshot()).rollout
    assert state.reason is Reason.ROLLOUT_STALLED
    assert of_template(world, "broken")[0] in state.message

    change_settings(world, "mended")
    for _ in range(PASSES):
        make_pass(world)
        assert serving(world) >= 3
    assert len(of_template(world, "mended")) == len(world.pods) == 3
    assert world.done == jobs


def test_first_pods_that_fail_one_after_the_other_leave_the_old_ones_at_work():
    world = world_of(3)
    world.broken = {"broken"}
    change_settings(world, "broken")

    def fail(world: World) -> None:
        World.live_on(world)
        for name in world.runners(PodStage.STARTING):
            world.fail(name)

    for _ in range(30):
        make_pass(world, live_on=fail)
        assert len(of_template(world, TEMPLATE)) == serving(world) == 3


def test_settings_that_change_in_the_middle_of_a_rollout_are_rolled_out_in_turn():
    world = world_of(4)
    change_settings(world, "second")
    for _ in range(6):
        make_pass(world)
    assert 0 < len(of_template(world, "second")) < 4
    change_settings(world, "third")

    for _ in range(PASSES):
        make_pass(world)
        assert serving(world) >= 4
        assert len(world.counted) <= 5

    assert len(of_template(world, "third")) == len(world.pods) == 4


def test_a_pod_with_a_live_stream_outlives_the_rollout_until_the_stream_ends():
    world = world_of(2, jobTypes=[LIVE], scaling={"maxReplicas": 3, "idleSlots": 1})
    world.enqueue(1)
    World.live_on(world)
    (streaming,) = [name for name, jobs in world.held.items() if jobs]
    change_settings(world, "next")

    for _ in range(PASSES):
        make_pass(world, live_on=without_ending(streaming))
    assert of_template(world, TEMPLATE) == [streaming]

    world.finish(streaming)
    for _ in range(10):
        make_pass(world)
    assert streaming not in world.pods


def without_ending(streaming: str) -> Callable[[World], None]:
    """All live on, but one stream goes on too."""

    def live_on(world: World) -> None:
        for name in world.runners(PodStage.STARTING):
            world.start(name)
        for name in sorted(world.pods.keys() - {streaming}):
            world.obey(name)

    return live_on


def test_an_upgrade_of_the_operator_waits_for_each_pod_to_be_idle():
    world = world_of(3)
    world.enqueue(300)
    World.live_on(world)
    world.build = "next-build"
    world.touch()

    for _ in range(10):
        make_pass(world, live_on=start_only)
        assert not any(pod.drain_order for pod in world.pods.values())
    world.pending = 0
    world.held.clear()
    for _ in range(PASSES):
        make_pass(world)

    assert not world.old
    assert len(world.pods) == 3


def test_a_pool_put_on_hold_in_the_middle_of_a_rollout_stays_as_it_is_until_it_goes_on():
    world = world_of(4)
    change_settings(world, "next")
    for _ in range(6):
        make_pass(world)
    world.change(mode=Mode.HOLD)
    make_pass(world)
    before = sorted(world.pods)

    for _ in range(10):
        make_pass(world)
    assert sorted(world.pods) == before

    world.change(mode=Mode.ACTIVE)
    for _ in range(PASSES):
        make_pass(world)
    assert len(of_template(world, "next")) == len(world.pods) == 4
