"""How the actor ends pods: what it removes first, and what it binds a deletion to."""

from datetime import timedelta

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Unavailable
from support.builders import make_job


def pending(count):
    return {"pending": tuple(make_job(f"job-{n}") for n in range(count)), "pending_total": count}


async def test_a_pod_that_is_thrown_away_goes_before_its_runner_and_only_as_it_was_seen(stage):
    """Another operator may let it go to work just now: then it must win."""
    stage.cluster.fail["ungate_pod"] = Unavailable(Reason.API_SERVER_UNAVAILABLE, "not now")
    stage.link.set(**pending(1))
    await stage.make_pass()
    (name,) = stage.pods
    stage.cluster.pods[name]["metadata"]["resourceVersion"] = "7"
    stage.link.set(pending=(), pending_total=0)

    await stage.settle()

    assert stage.pods == []
    assert stage.rows == []
    assert stage.cluster.deleted_versions == {name: "7"}


async def test_a_pod_on_a_lost_node_is_deleted_by_force_if_the_pool_says_so_and_unregistered_first(stage):
    stage.cluster.pool["spec"]["lifecycle"] = {"lostPods": "ForceDelete"}
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.pods[name]["metadata"]["deletionTimestamp"] = "2026-11-23T11:00:00Z"

    await stage.settle()

    assert stage.cluster.forced == [name]
    assert name not in stage.rows


async def test_a_pod_that_ignores_the_order_to_hand_back_is_deleted_in_the_end(stage):
    stage.link.set(**pending(1))
    await stage.settle()
    (name,) = stage.pods
    stage.cluster.lose_readiness(name)
    stage.cluster.pods[name]["metadata"]["annotations"]["runnerpool.dev/drain"] = "abort"
    await stage.settle()
    assert stage.cluster.annotations(name)["runnerpool.dev/abort-since"]

    stage.clock.advance(timedelta(minutes=2).total_seconds())
    await stage.settle()

    assert name not in stage.cluster.pods
    assert ("stop", str(Reason.ABORT_IGNORED)) in stage.recorder.steps
    (told,) = [event for event in stage.cluster.events if event["reason"] == Reason.ABORT_IGNORED]
    assert (told["type"], name in told["message"]) == ("Warning", True)
