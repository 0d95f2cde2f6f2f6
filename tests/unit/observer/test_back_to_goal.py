from dataclasses import replace

import pytest

from support.observer import objects
from support.observer.handmade import Script
from support.observer.invariants import back_to_goal
from support.observer.records import Change, Invariant

UNKNOWN = ({"type": "QueueReachable", "status": "False", "reason": "ServerUnreachable"},)


def scene(**pool: object) -> Script:
    script = Script()
    script.pool(0, change=Change.ADDED, **pool)  # type: ignore[arg-type]
    return script


def waiting(script: Script, jobs: int = 3) -> Script:
    for number in range(jobs):
        script.pending(10, f"job-{number}")
    return script


def test_jobs_that_wait_longer_than_a_minute_for_pods_that_may_be_made_are_seen() -> None:
    (found,) = back_to_goal.check(waiting(scene()).history(end=71))
    assert found.what == "pool vod had fewer pods than its queue asks for for 61 s"
    assert back_to_goal.check(waiting(scene()).history(end=69)) == []


def test_pods_up_to_the_cap_are_enough() -> None:
    script = waiting(scene())
    script.pod(60, "vod-1", change=Change.ADDED)
    script.pod(60, "vod-2", change=Change.ADDED)
    assert back_to_goal.check(script.history()) == []


def test_a_pod_that_is_told_to_go_is_no_longer_enough() -> None:
    script = waiting(scene(), jobs=1)
    script.pod(20, "vod-1", change=Change.ADDED)
    script.pod(100, "vod-1", annotations={objects.DRAIN: "drain"})
    assert len(back_to_goal.check(script.history())) == 1


def test_jobs_in_the_hand_of_pods_need_no_other_pods() -> None:
    script = waiting(scene(), jobs=2)
    script.pod(20, "vod-1", change=Change.ADDED)
    script.taken(30, "job-0", "vod-1")
    script.done(50, "job-1", "a runner of somebody else's")
    assert back_to_goal.check(script.history()) == []


def test_a_floor_is_kept_though_the_queue_is_unknown_and_no_more_is_asked_then() -> None:
    floor = {"minReplicas": 1, "maxReplicas": 2}
    assert len(back_to_goal.check(scene(conditions=UNKNOWN, scaling=floor).history())) == 1
    assert back_to_goal.check(waiting(scene(conditions=UNKNOWN)).history()) == []


@pytest.mark.parametrize(
    "pool",
    [
        {"mode": "Hold"},
        {"metadata": {"annotations": {objects.OVERRIDE: "replicas=0"}}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
    ids=["held", "overridden", "deleted"],
)
def test_a_pool_whose_author_decides_is_not_judged_by_its_queue(pool: dict[str, object]) -> None:
    assert back_to_goal.check(waiting(scene(**pool)).history()) == []


def test_the_time_for_which_the_test_has_a_reason_does_not_count() -> None:
    script = waiting(scene())
    script.suspend(Invariant.BACK_TO_GOAL, 40, 100)
    assert back_to_goal.check(script.history(end=155)) == []
    (found,) = back_to_goal.check(script.history(end=165))
    assert found.what.endswith("for 65 s")


def test_idle_pods_that_nobody_needs_are_seen_a_minute_after_their_idle_time() -> None:
    script = scene()
    script.pod(10, "vod-1", change=Change.ADDED)
    assert back_to_goal.check(script.history(end=74)) == []
    (found,) = back_to_goal.check(script.history(end=76))
    assert found.what == "pool vod had more pods than its queue asks for for 66 s"


def test_pods_are_kept_for_the_jobs_that_wait_for_a_parent_and_for_spare_slots() -> None:
    script = scene()
    script.pod(10, "vod-1", change=Change.ADDED)
    script.job(5, "child", "created", before=None, after=5)
    assert back_to_goal.check(script.history()) == []
    script = scene(scaling={"maxReplicas": 2, "idleSlots": 1})
    script.pod(10, "vod-1", change=Change.ADDED)
    assert back_to_goal.check(script.history()) == []


def test_a_pool_without_a_server_to_look_at_is_not_judged() -> None:
    script = waiting(scene())
    script.samples.clear()
    assert back_to_goal.check(script.history()) == []


def test_what_comes_after_the_last_look_at_the_server_is_not_judged() -> None:
    history = replace(waiting(scene()).history(), samples=tuple(scene().samples))
    assert back_to_goal.check(history) == []
