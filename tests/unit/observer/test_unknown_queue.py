from support.observer import objects
from support.observer.handmade import Script
from support.observer.invariants import unknown_queue
from support.observer.records import Change

UNKNOWN = ({"type": "QueueReachable", "status": "False", "reason": "ServerUnreachable"},)


def scene() -> Script:
    """From 10 s to 100 s nothing is known of the queue."""
    script = Script()
    script.pool(0, change=Change.ADDED, status={"desiredReplicas": 2})
    script.pod(1, "vod-1", change=Change.ADDED)
    script.pool(10, conditions=UNKNOWN, status={"desiredReplicas": 2})
    return script


def told_to_drain(script: Script, at: float) -> Script:
    script.call(at, "patch", "pods", "vod-1")
    script.pod(at, "vod-1", annotations={objects.DRAIN: "drain"})
    return script


def known_again(script: Script) -> Script:
    script.pool(100, status={"desiredReplicas": 0})
    return script


def test_an_order_to_go_is_seen_while_the_queue_is_unknown_and_only_then() -> None:
    assert unknown_queue.check(known_again(scene()).history()) == []
    (found,) = unknown_queue.check(known_again(told_to_drain(scene(), 50)).history())
    assert found.what == "pod vod-1 was told to drain while the queue was unknown"
    assert unknown_queue.check(told_to_drain(known_again(scene()), 101).history()) == []


def test_the_pass_that_knows_the_queue_again_may_act_before_it_tells() -> None:
    assert unknown_queue.check(known_again(told_to_drain(scene(), 98)).history()) == []


def test_a_queue_that_stays_unknown_to_the_end_counts_too() -> None:
    assert len(unknown_queue.check(told_to_drain(scene(), 50).history())) == 1


def test_who_asks_for_the_end_gets_it_though_the_queue_is_unknown() -> None:
    script = scene()
    script.pool(40, conditions=UNKNOWN, mode="Drain")
    assert unknown_queue.check(told_to_drain(script, 50).history()) == []
    script = scene()
    script.pool(40, conditions=UNKNOWN, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert unknown_queue.check(told_to_drain(script, 50).history()) == []


def test_a_drain_that_was_ordered_before_may_be_cut() -> None:
    script = scene()
    script.pod(5, "vod-1", annotations={objects.DRAIN: "drain"})
    script.call(50, "patch", "pods", "vod-1")
    script.pod(50, "vod-1", annotations={objects.DRAIN: objects.ABORT})
    assert unknown_queue.check(script.history()) == []


def test_the_deletion_of_a_pod_that_could_run_is_seen_and_the_sweeping_of_one_that_ended_is_not() -> None:
    script = scene()
    script.call(50, "delete", "pods", "vod-1")
    (found,) = unknown_queue.check(script.history())
    assert found.what == "pod vod-1 was deleted while the queue was unknown"
    script.pod(49, "vod-1", phase="Succeeded")
    assert unknown_queue.check(script.history()) == []


def test_a_gated_pod_may_be_thrown_away() -> None:
    script = scene()
    script.pod(20, "vod-2", phase="Pending", gated=True, change=Change.ADDED)
    script.call(50, "delete", "pods", "vod-2")
    assert unknown_queue.check(script.history()) == []


def test_a_target_that_falls_by_itself_is_seen_and_one_that_its_author_lowers_is_not() -> None:
    script = scene()
    script.pool(50, conditions=UNKNOWN, status={"desiredReplicas": 0})
    (found,) = unknown_queue.check(script.history())
    assert found.what == "the target of pool vod fell from 2 to 0 with no reading"
    script = scene()
    script.pool(50, conditions=UNKNOWN, status={"desiredReplicas": 1}, metadata={"generation": 2})
    assert unknown_queue.check(script.history()) == []


def test_a_target_follows_pods_that_somebody_else_has_ended() -> None:
    script = scene()
    script.pod(40, "vod-1", change=Change.DELETED)
    script.pool(50, conditions=UNKNOWN, status={"desiredReplicas": 0})
    assert unknown_queue.check(script.history()) == []
