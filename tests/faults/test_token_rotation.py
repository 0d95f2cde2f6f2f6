"""The operator's own token is replaced under it, as a kubelet does, and the old one is good for nothing at once."""

import time

import pytest

from support.faults.api_request import READS
from support.faults.mounted_login import MountedLogin
from support.faults.stage import FaultStage
from support.faults.workers import at_work
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO
from support.stage.samples import total

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_SERVED_SECONDS = 20.0


@pytest.fixture
def login(faults: FaultStage) -> MountedLogin:
    """By which the operator has been started again."""
    made = MountedLogin(faults)
    faults.operator.stop()
    faults.operator.order = made.order(faults.operator.order)
    faults.operator.start()
    return made


@pytest.mark.fault("R17")
def test_an_operator_whose_token_is_replaced_takes_the_new_one_and_not_one_pass_fails(
    faults: FaultStage, login: MountedLogin, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    faults.wait_condition("Ready", status="True", within=45)
    workers = at_work(faults)
    pid, before = faults.operator.pid, faults.operator.metrics()

    login.rotate()
    rotated = time.monotonic()
    assert faults.api.run_out_watches() > 0
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: len(faults.player.holding()) == 2, "a second pod at work", within=_SERVED_SECONDS)
    # Nobody else than the watches tells of a new pool.
    faults.pool("later")
    faults.wait_condition("Ready", status="True", pool="later", within=_SERVED_SECONDS)

    case.healed(time.monotonic() - rotated)
    refused = [record for record in faults.api.requests if record.status == 401]
    assert [record for record in refused if record.asked.verb == "watch" or READS.fits(record.asked)] != []
    after = faults.operator.metrics()
    assert total(after, "runnerpool_passes_total", result="error") == total(
        before, "runnerpool_passes_total", result="error"
    )
    assert total(after, "runnerpool_operator_watch_restarts_total") == 0
    workers.assert_untouched()
    assert (faults.operator.alive, faults.operator.pid) == (True, pid)
