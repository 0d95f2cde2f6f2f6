"""What the API server, or a fault of ours, keeps the operator from: told, and tried again no more than is useful."""

import asyncio

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Refused, Unavailable
from runnerpool.peertube.errors import RegistrationFailed, TimedOut
from support.builders import make_job
from support.fakes import START, FakeLink, FakeRow


def with_jobs(count):
    return {"pending": tuple(make_job(f"job-{number}") for number in range(count)), "pending_total": count}


QUOTA = Refused(Reason.QUOTA_EXCEEDED, "create pod: exceeded quota; raise the quota")


async def test_after_a_refusal_one_creation_is_tried_and_not_all(stage):
    stage.link.set(**with_jobs(3))
    stage.cluster.refuse["create_pod"] = QUOTA
    await stage.make_pass()
    assert stage.cluster.calls.count("create_pod") == 3

    stage.clock.advance(5)
    await stage.make_pass()

    assert stage.cluster.calls.count("create_pod") == 4
    assert stage.cluster.condition("ScalingLimited")["reason"] == "QuotaExceeded"
    assert stage.rows == []


async def test_the_first_creation_that_works_lets_the_others_follow(stage):
    stage.link.set(**with_jobs(3))
    stage.cluster.refuse["create_pod"] = QUOTA
    await stage.make_pass()
    del stage.cluster.refuse["create_pod"]

    stage.clock.advance(5)
    await stage.make_pass()

    assert len(stage.pods) == len(stage.rows) == 3
    assert stage.cluster.condition("Ready")["status"] == "True"


async def test_a_clock_that_is_set_back_holds_the_next_try_up_no_longer_than_the_back_off(stage):
    stage.link.set(**with_jobs(1))
    stage.cluster.refuse["create_pod"] = QUOTA
    await stage.make_pass()
    del stage.cluster.refuse["create_pod"]

    stage.clock.advance(-3600)
    await stage.make_pass()
    stage.clock.advance(5)
    await stage.make_pass()

    assert stage.pods == [stage.pod(1)]


async def test_pods_that_failed_before_the_clock_was_set_back_hold_nothing_up_for_longer(stage):
    stage.link.set(**with_jobs(1))
    await stage.settle()
    for number in (1, 2):
        stage.cluster.end(stage.pod(number), succeeded=False)
        await stage.settle()
    assert stage.pod(3) not in stage.pods

    stage.clock.advance(-3600)
    await stage.settle()
    stage.clock.advance(6)
    await stage.settle()

    assert stage.pod(3) in stage.pods


async def test_a_right_that_was_taken_away_is_told_in_the_summary(stage):
    stage.cluster.fail["list_pods"] = Refused(Reason.FORBIDDEN, "get pods is forbidden; check the operator's Role")

    with pytest.raises(Refused):
        await stage.make_pass()
    ready = stage.cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Forbidden")

    await stage.settle()
    assert stage.cluster.condition("Ready")["status"] == "True"


async def test_a_summary_that_cannot_be_written_does_not_hide_the_failure(stage):
    stage.cluster.fail["list_pods"] = Refused(Reason.FORBIDDEN, "get pods is forbidden")
    stage.cluster.fail["patch_status"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away")

    with pytest.raises(Refused, match="get pods"):
        await stage.make_pass()


async def test_a_fault_of_the_operators_own_is_told_and_repeats_nothing_of_it(stage):
    stage.cluster.fail["list_pods"] = RuntimeError("s3cret")

    with pytest.raises(RuntimeError):
        await stage.make_pass()

    ready = stage.cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReconcileError")
    assert "s3cret" not in str(stage.cluster.status)


async def test_while_the_api_server_is_away_nothing_is_written(stage):
    stage.cluster.fail["list_pods"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away")

    with pytest.raises(Unavailable):
        await stage.make_pass()

    assert stage.cluster.status_writes == []


async def test_a_name_that_somebody_else_uses_is_given_up_for_the_next(stage):
    taken = stage.pod(1)
    foreign = {"metadata": {"name": taken, "uid": "foreign", "annotations": {}}, "spec": {}, "status": {}}
    stage.cluster.pods[taken] = foreign
    stage.link.set(**with_jobs(1))

    await stage.make_pass()
    limited = stage.cluster.condition("ScalingLimited")
    assert (limited["status"], limited["reason"]) == ("True", "NameCollision")
    await stage.settle()

    assert stage.pods == [taken, stage.pod(2)]
    assert stage.rows == [stage.pod(2)]
    assert stage.cluster.pods[taken] == foreign
    assert stage.cluster.condition("Ready")["status"] == "True"
    assert stage.cluster.status["reserved"] == []


async def test_an_own_pod_that_another_writer_made_meanwhile_is_no_collision(stage):
    stage.link.set(**with_jobs(1))
    await stage.settle()
    pod = stage.cluster.pods[stage.pod(1)]
    stage.cluster.hide_once = True
    stage.cluster.pool["status"]["reserved"] = [1]

    await stage.make_pass()

    assert stage.cluster.pods == {stage.pod(1): pod}
    assert stage.cluster.condition("ScalingLimited")["reason"] != "NameCollision"
    assert pod["metadata"]["creationTimestamp"] == START.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_refusal_is_told_as_long_as_it_lasts_and_not_only_when_it_is_tried(stage):
    stage.link.set(**with_jobs(1))
    stage.cluster.refuse["create_pod"] = QUOTA
    await stage.make_pass()
    since = stage.cluster.condition("Ready")["lastTransitionTime"]

    for _ in range(10):
        stage.clock.advance(1)
        await stage.make_pass()

        assert stage.cluster.condition("Ready")["reason"] == "QuotaExceeded"
    assert stage.cluster.condition("Ready")["lastTransitionTime"] == since
    assert stage.cluster.calls.count("create_pod") < 5


async def test_a_step_that_is_forbidden_is_told_though_no_pod_is_refused(stage):
    stage.link.set(**with_jobs(1))
    await stage.settle()
    stage.cluster.start(stage.pod(1))
    stage.link.set(pending=(), pending_total=0)
    stage.clock.advance(61)
    stage.cluster.refuse["order_drain"] = Refused(
        Reason.FORBIDDEN, "patch pods is forbidden; check the operator's Role"
    )

    await stage.make_pass()

    assert stage.cluster.condition("Ready")["reason"] == "Forbidden"


async def test_a_runner_of_somebody_elses_that_has_our_pods_name_stays_when_the_pod_goes(stage):
    stage.link.set(**with_jobs(1))
    stage.link.fail_register = RegistrationFailed(Reason.NAME_TAKEN, "it has a runner of that name; remove it")
    foreign = FakeRow(id=7, name=stage.pod(1), description="my own runner")
    stage.link.rows = (foreign,)
    await stage.make_pass()
    assert stage.cluster.condition("Ready")["reason"] == "NameTaken"

    stage.cluster.delete_pool()
    await stage.settle()

    assert (stage.cluster.pool, stage.pods) == (None, [])
    assert stage.link.rows == (foreign,)


FORBIDDEN = Refused(Reason.FORBIDDEN, "get pods is forbidden; check the operator's Role")


async def test_a_pool_whose_namespace_has_taken_the_operators_rights_along_is_let_go(stage):
    await stage.settle()
    stage.cluster.delete_pool()
    stage.cluster.namespace_going = True
    stage.cluster.refuse |= {"list_pods": FORBIDDEN, "post_event": FORBIDDEN}

    assert await stage.make_pass() is None

    assert stage.cluster.pool is None


@pytest.mark.parametrize("spoil", ["a Role taken away", "a pool that stays", "an API server in trouble"])
async def test_a_pool_is_not_let_go_unseen_for_any_other_cause(stage, spoil):
    await stage.settle()
    if spoil != "a pool that stays":
        stage.cluster.delete_pool()
    stage.cluster.namespace_going = spoil != "a Role taken away"
    trouble = spoil == "an API server in trouble"
    stage.cluster.refuse["list_pods"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "away") if trouble else FORBIDDEN

    with pytest.raises((Refused, Unavailable)):
        await stage.make_pass()

    assert stage.cluster.pool is not None


class HangingLink(FakeLink):
    """A server that lets each call wait for its whole time limit."""

    async def delete_runner(self, row_id):
        await asyncio.sleep(10)
        raise TimedOut(Reason.SERVER_TIMEOUT, "no full answer within 10 s")


@pytest.mark.looptime
async def test_a_server_that_hangs_costs_a_pass_no_more_than_one_time_limit(make_stage):
    stage = make_stage(scaling={"maxReplicas": 60, "minReplicas": 60})
    stage.link = stage.links.link = HangingLink()
    await stage.settle()
    ended, going = stage.pods[:50], stage.pods[50:]
    for name in ended:
        stage.cluster.end(name)
    for name in going:
        stage.cluster.start(name)
    stage.cluster.pool["spec"]["mode"] = "Drain"

    began = asyncio.get_running_loop().time()
    await stage.make_pass()

    assert asyncio.get_running_loop().time() - began == 10
    assert stage.pods == sorted([*ended, *going])
    assert {stage.drain_order(name) for name in going} == {"drain"}
    assert stage.cluster.condition("Ready")["reason"] == "ServerTimeout"
