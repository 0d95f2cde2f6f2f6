"""An event loop that hangs in one call: liveness fails, metrics tell how late it is, and a fresh process goes on.

A tenth of the minute that liveness bears; in the soak all of it.
"""

import signal
import sys
import time
from dataclasses import replace

import pytest

from support.faults.blockable_operator import BLOCKED_SECONDS, MAX_LAG_SECONDS
from support.faults.stage import FaultStage
from support.faults.workers import at_work
from support.observer.records import Invariant
from support.packaging.paths import ROOT
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.pools import WEB_VIDEO
from support.stage.samples import total

MAX_LAG = 60.0 if SOAKING else 6.0
BLOCKED = MAX_LAG * 10

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(MAX_LAG + 180)]

_SERVED_SECONDS = 30.0
_LAG = "runnerpool_operator_event_loop_lag_seconds"


@pytest.fixture
def blockable(faults: FaultStage) -> FaultStage:
    """A stage whose operator was started anew, by the driver."""
    faults.operator.stop()
    settings = ("env", f"PYTHONPATH={ROOT / 'tests'}", f"{BLOCKED_SECONDS}={BLOCKED}", f"{MAX_LAG_SECONDS}={MAX_LAG}")
    driver = (sys.executable, "-m", "support.faults.blockable_operator")
    faults.operator.order = replace(faults.operator.order, prefix=settings, program=driver)
    faults.operator.start()
    return faults


@pytest.mark.soak
@pytest.mark.fault("R31")
def test_an_operator_whose_event_loop_hangs_is_not_alive_to_its_probe_and_its_successor_serves(
    blockable: FaultStage, case: Case
) -> None:
    operator = blockable.operator
    blockable.pool(scaling={"maxReplicas": 2})
    blockable.wait_condition("Ready", status="True", within=45)
    workers = at_work(blockable)
    assert operator.probe("/healthz") == 200
    with blockable.observer.suspended(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="the operator hangs"):
        operator.signal(signal.SIGUSR1)
        hung = time.monotonic()
        blockable.server.client.enqueue(WEB_VIDEO)
        blockable.until(lambda: operator.probe("/healthz") == 503, "a probe that fails", within=MAX_LAG + 10)
        told = time.monotonic() - hung
        case.told("event loop hangs: /healthz 503", told)
        assert told > MAX_LAG / 2
        assert total(operator.metrics(), _LAG) > MAX_LAG
        assert operator.probe("/readyz") == 503
        assert len(blockable.pods()) == 1
        # What a kubelet does then; SIGTERM is for the loop to hear, which it does not.
        operator.kill()
        operator.start()
    back = time.monotonic()
    blockable.until(lambda: len(blockable.player.holding()) == 2, "a second pod at work", within=_SERVED_SECONDS)
    case.healed(time.monotonic() - back)
    workers.assert_untouched()
    assert operator.probe("/healthz") == 200
