import asyncio
import logging

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Conflict, Unavailable
from runnerpool.control.controller import Controller

pytestmark = pytest.mark.looptime


@pytest.fixture
async def controller(stage):
    controller = Controller(stage.world)
    yield controller
    await controller.stop()


def passes(stage) -> int:
    return stage.cluster.calls.count("get_pool")


async def test_a_pool_that_is_heard_of_gets_a_pass(stage, controller):
    controller.wake(*stage.key)
    await asyncio.sleep(0.05)

    assert passes(stage) == 1


async def test_a_burst_of_events_is_answered_by_one_pass_more(stage, controller):
    controller.wake(*stage.key)
    await asyncio.sleep(0.05)

    for _ in range(20):
        controller.wake(*stage.key)
    await asyncio.sleep(1)

    assert passes(stage) == 2


async def test_a_lost_event_costs_no_more_than_ten_seconds(stage, controller):
    controller.wake(*stage.key)
    await asyncio.sleep(11)

    assert passes(stage) == 2


async def test_a_conflict_is_answered_by_planning_anew_at_once(stage, controller):
    stage.cluster.fail["get_pool"] = Conflict(Reason.CONFLICT, "changed")

    controller.wake(*stage.key)
    await asyncio.sleep(0.5)

    assert stage.recorder.results[:2] == ["conflict", "success"]


async def test_conflicts_without_end_are_answered_ever_later(stage, controller):
    async def contested(namespace, name):
        stage.cluster.calls.append("get_pool")
        raise Conflict(Reason.CONFLICT, "changed")

    stage.cluster.get_pool = contested
    controller.wake(*stage.key)
    await asyncio.sleep(60)

    assert 7 <= passes(stage) <= 8
    assert set(stage.recorder.results) == {"conflict"}


async def test_an_api_server_that_is_away_is_tried_ever_later_and_told_once(stage, controller, caplog):
    caplog.set_level(logging.WARNING)

    async def away(namespace, name):
        stage.cluster.calls.append("get_pool")
        raise Unavailable(Reason.API_SERVER_UNAVAILABLE, "refused")

    stage.cluster.get_pool = away
    controller.wake(*stage.key)
    await asyncio.sleep(60)

    assert 5 <= passes(stage) <= 6
    assert len(caplog.records) == 1


async def test_an_api_server_that_asks_to_be_left_alone_is_not_called_before_whatever_happens(stage, controller):
    asked_at = []

    async def busy(namespace, name):
        asked_at.append(asyncio.get_running_loop().time())
        raise Unavailable(Reason.API_SERVER_UNAVAILABLE, "answered 429", retry_after=7)

    stage.cluster.get_pool = busy
    began = asyncio.get_running_loop().time()
    for _ in range(400):
        controller.wake(*stage.key)
        await asyncio.sleep(0.05)

    assert [moment - began for moment in asked_at] == pytest.approx([0, 7, 14], abs=0.1)


async def test_a_fault_of_our_own_is_logged_and_the_pool_goes_on(stage, controller, caplog):
    stage.cluster.fail["get_pool"] = ZeroDivisionError()

    controller.wake(*stage.key)
    await asyncio.sleep(3)

    assert stage.recorder.results == ["error", "success"]
    assert "fault of the operator" in caplog.text


async def test_a_pool_that_has_gone_ends_its_task_and_its_series(stage, controller):
    stage.cluster.pool = None

    controller.wake(*stage.key)
    await asyncio.sleep(0.05)

    assert controller.oldest_pass() is None
    assert stage.recorder.forgotten == [stage.key]


async def test_a_pool_made_anew_while_its_task_ends_is_not_forgotten(stage, controller):
    pool = stage.cluster.pool

    async def gone_and_made_anew(namespace, name):
        del stage.cluster.get_pool
        stage.cluster.pool = pool
        controller.wake(*stage.key)
        return await type(stage.cluster).get_pool(stage.cluster, "media", "no-such-pool")

    stage.cluster.get_pool = gone_and_made_anew
    controller.wake(*stage.key)
    await asyncio.sleep(1)

    assert stage.recorder.results == ["success", "success"]
    assert controller.oldest_pass() is not None


async def test_stopping_leaves_pods_as_they_are(stage, controller):
    controller.wake(*stage.key)
    await asyncio.sleep(0.05)

    await controller.stop()

    assert controller.oldest_pass() is None
    assert "delete_pod" not in stage.cluster.calls


async def test_what_is_heard_after_the_stop_makes_no_pass(stage, controller):
    await controller.stop()

    controller.wake(*stage.key)
    await asyncio.sleep(0.05)

    assert controller.oldest_pass() is None
    assert passes(stage) == 0
