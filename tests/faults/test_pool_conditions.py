"""Pods that the cluster refuses: told by cause and remedy, nothing is registered for them, none at work is touched.

Secrets that are no good: test_pool_secrets.py. Names that somebody else has: test_collisions.py.
"""

import time
from collections.abc import Iterator

import pytest

from support.faults.quota import play_quota_of_none
from support.faults.refusals import REFUSALS, Refusal, no_webhook, quota
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.faults.workers import at_work
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_TELL_SECONDS, _HEAL_SECONDS = 10.0, 30.0
_QUOTA_SECONDS = 300.0 if SOAKING else 30.0
_CASES = [pytest.param(refusal, id=name, marks=pytest.mark.fault(study)) for name, (study, refusal) in REFUSALS.items()]


@pytest.fixture
def webhooks(new_stage: StageMaker) -> Iterator[list[FaultStage]]:
    """Webhook configurations are the cluster's own: they do not go with the namespace."""
    stages: list[FaultStage] = []
    yield stages
    for stage in stages:
        no_webhook(stage)


@pytest.mark.parametrize("refusal", _CASES)
def test_pods_that_the_cluster_refuses_are_told_by_the_cause_touch_no_pod_at_work_and_heal(
    new_stage: StageMaker, case: Case, refusal: Refusal, webhooks: list[FaultStage]
) -> None:
    stage = new_stage(**refusal.stage)
    webhooks.append(stage)
    case.watch(stage.observer, stage.namespace)
    stage.pool(scaling={"maxReplicas": 2})
    workers = at_work(stage)
    registered = stage.server.client.registered()

    case.begins()
    refusal.make(stage)
    stage.server.client.enqueue(WEB_VIDEO)
    told = case.tells(refusal.reason, condition="ScalingLimited", within=_TELL_SECONDS)
    ready = stage.condition("Ready") or {}
    assert (told["status"], ready["status"], ready["reason"]) == ("True", "False", refusal.reason)
    assert refusal.remedy in told["message"]
    time.sleep(2)
    workers.assert_untouched()
    assert stage.server.client.registered() == registered

    refusal.cure(stage)
    case.cured()
    case.heals(within=_HEAL_SECONDS)
    stage.until(lambda: len(stage.player.holding()) == 2, "two pods at work", within=30)
    workers.assert_untouched()


@pytest.mark.soak
@pytest.mark.fault("R13")
@pytest.mark.timeout(_QUOTA_SECONDS + 180)
def test_a_quota_of_0_pods_registers_no_runner_however_long_it_lasts(
    faults: FaultStage, case: Case, counted: dict[str, int]
) -> None:
    case.watch(faults.observer, faults.namespace)

    found = play_quota_of_none(faults, case, seconds=_QUOTA_SECONDS)

    counted |= {
        "seconds with a quota of 0 pods": int(_QUOTA_SECONDS),
        "pods asked for in vain": found.tries,
        "runners registered meanwhile": found.registered,
    }
    assert found.registered == 0
    assert found.tries > 1


@pytest.mark.fault("R13")
def test_a_quota_of_2_pods_lets_2_of_5_work_and_the_others_follow_when_it_is_raised(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    quota(faults, pods="2")
    faults.pool(scaling={"maxReplicas": 5})
    faults.wait_condition("Ready", status="True")
    case.begins()
    faults.server.client.set(watchdog=False)
    workers = at_work(faults, 2, waiting=3)

    told = case.tells("QuotaExceeded", condition="ScalingLimited", within=_TELL_SECONDS)
    assert "raise the quota" in told["message"]
    assert (len(faults.pods()), faults.status()["desiredReplicas"]) == (2, 5)
    assert len(faults.server.client.registered()) == 2

    quota(faults, pods="10")
    case.cured()
    case.heals(within=_HEAL_SECONDS)
    faults.until(lambda: len(faults.player.holding()) == 5, "five pods at work", within=30)
    workers.assert_untouched()
