"""A deleted pool whose server answers, and does not remove its runners."""

from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from runnerpool.cluster.errors import Unavailable
from runnerpool.peertube.errors import ServerFailed

NOT_REMOVED = ServerFailed(Reason.SERVER_ERROR, "it answers 500; see its log", status=500)


async def deleted_with_runners(stage, count):
    """A pool that is being deleted, whose pods have ended, on a server that does not remove their runners."""
    stage.cluster.pool["spec"]["scaling"]["minReplicas"] = count
    await stage.settle()
    for name in stage.pods:
        stage.cluster.start(name)
    stage.cluster.delete_pool()
    stage.link.fail_removal = NOT_REMOVED
    await stage.settle()
    for name in stage.pods:
        stage.cluster.end(name)
    return list(stage.rows)


async def test_a_server_that_answers_and_removes_no_runner_does_not_hold_a_deleted_pool(stage):
    names = await deleted_with_runners(stage, 2)
    await stage.make_pass()
    assert stage.cluster.condition("Ready")["reason"] == "ServerError"

    stage.clock.advance(44)
    await stage.make_pass()
    assert stage.cluster.pool is not None

    stage.clock.advance(1)
    assert await stage.make_pass() is None

    assert stage.cluster.pool is None
    (told,) = [event for event in stage.cluster.events if event["reason"] == "RunnersLeftBehind"]
    assert told["type"] == "Warning"
    assert all(name in told["message"] for name in names)


async def test_a_server_that_removes_runners_one_by_one_is_waited_for(stage):
    """Whatever it does with the others, a runner that went shows that it is at it."""
    await deleted_with_runners(stage, 3)
    await stage.make_pass()
    for row in stage.link.rows:
        stage.link.removable.add(row.id)
        stage.clock.advance(40)
        await stage.make_pass()
    await stage.settle()

    assert (stage.cluster.pool, stage.rows) == (None, [])
    assert not [event for event in stage.cluster.events if event["reason"] == "RunnersLeftBehind"]


async def test_time_that_pods_were_at_work_is_not_counted_against_a_server_that_removes_nothing(stage):
    await deleted_with_runners(stage, 2)
    busy, _ = stage.pods
    stage.cluster.start(busy)
    await stage.make_pass()
    stage.clock.advance(3600)
    await stage.make_pass()

    stage.cluster.end(busy)
    await stage.make_pass()
    stage.clock.advance(44)
    await stage.make_pass()

    assert stage.cluster.pool is not None


async def test_a_row_list_that_is_unknown_for_a_while_gives_a_server_that_removes_nothing_no_more_time(stage):
    await deleted_with_runners(stage, 1)
    await stage.make_pass()
    stage.clock.advance(44)
    stage.cluster.pods.clear()
    stage.cluster.fail["pod_controller"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away")
    await stage.make_pass()

    stage.clock.advance(1)

    assert await stage.make_pass() is None


async def test_a_clock_that_was_set_back_does_not_lengthen_the_wait_for_a_server_that_removes_nothing(stage):
    await deleted_with_runners(stage, 1)
    await stage.make_pass()
    stage.clock.advance(-3600)
    stage.cluster.pool["metadata"]["deletionTimestamp"] = format_time(stage.clock.now())
    await stage.make_pass()

    stage.clock.advance(45)

    assert await stage.make_pass() is None
