"""Watches that stay open and tell nothing more: after kopf's 70 s without a word they are opened anew."""

import time

import pytest

from support.faults.stage import FaultStage
from support.faults.workers import at_work
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO
from support.stage.samples import total

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

# kopf's limit, and a LIST, a watch and a pass.
_REOPENED_SECONDS = 80.0


@pytest.mark.soak(only=True)
@pytest.mark.fault("R6")
def test_watches_that_say_nothing_for_ever_are_opened_anew_and_a_new_pool_is_seen(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    faults.wait_condition("Ready", status="True", within=45)
    workers = at_work(faults)
    pid = faults.operator.pid
    muted = faults.api.mute_watches()
    assert muted == 2
    begin = time.monotonic()

    # The queue is not watched: it is served meanwhile.
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: len(faults.player.holding()) == 2, "a second pod at work", within=30)
    faults.pool("later")
    time.sleep(10)
    assert faults.condition("Ready", "later") is None, "somebody else than the watches tells of new pools"
    faults.wait_condition("Ready", status="True", pool="later", within=_REOPENED_SECONDS)

    case.healed(time.monotonic() - begin)
    workers.assert_untouched()
    assert total(faults.operator.metrics(), "runnerpool_operator_watch_restarts_total") == 0
    assert (faults.operator.alive, faults.operator.pid) == (True, pid)
