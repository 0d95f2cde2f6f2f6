from support.observer import objects
from support.observer.handmade import Script
from support.observer.invariants import cap
from support.observer.records import Change


def scene() -> Script:
    script = Script()
    script.pool(0, change=Change.ADDED)
    for number in (1, 2):
        script.pod(1, f"vod-{number}", change=Change.ADDED)
    return script


def test_as_many_pods_as_the_cap_are_fine() -> None:
    assert cap.check(scene().history()) == []


def test_one_pod_more_than_the_cap_is_seen_though_it_stays_for_one_event() -> None:
    script = scene()
    script.pod(2, "vod-3", change=Change.ADDED)
    script.pod(2, "vod-3", change=Change.DELETED)
    (found,) = cap.check(script.history())
    assert found.what == "with pod vod-3, 3 pods may take work, 2 are allowed"


def test_pods_that_ended_or_are_told_to_go_or_are_being_deleted_take_no_work() -> None:
    for last in (
        {"phase": "Succeeded"},
        {"annotations": {objects.DRAIN: "drain"}},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ):
        script = scene()
        script.pod(2, "vod-1", **last)
        script.pod(3, "vod-3", change=Change.ADDED)
        assert cap.check(script.history()) == []


def test_a_pod_whose_drain_order_is_taken_back_counts_again() -> None:
    script = scene()
    script.pod(2, "vod-1", annotations={objects.DRAIN: "drain"})
    script.pod(3, "vod-3", change=Change.ADDED)
    script.pod(4, "vod-1")
    (found,) = cap.check(script.history())
    assert "vod-1" in found.what


def test_a_rollout_may_surge_and_nothing_else_may() -> None:
    new = {objects.TEMPLATE_HASH: "new"}
    script = scene()
    script.pod(2, "vod-3", annotations=new, change=Change.ADDED)
    assert cap.check(script.history()) == []
    script.pod(3, "vod-4", annotations=new, change=Change.ADDED)
    (found,) = cap.check(script.history())
    assert found.what.endswith("4 pods may take work, 3 are allowed")


def test_a_cap_that_is_lowered_under_the_pods_that_are_there_is_broken_by_new_ones_alone() -> None:
    script = scene()
    script.pool(10, scaling={"maxReplicas": 1})
    script.pod(30, "vod-1")
    assert cap.check(script.history()) == []
    script.pod(31, "vod-3", change=Change.ADDED)
    assert len(cap.check(script.history())) == 1


def test_a_pod_that_was_on_its_way_when_the_cap_was_lowered_is_forgiven() -> None:
    script = Script()
    script.pool(0, change=Change.ADDED)
    script.pod(1, "vod-1", change=Change.ADDED)
    script.pool(5, scaling={"maxReplicas": 1})
    script.pod(6, "vod-2", change=Change.ADDED)
    assert cap.check(script.history()) == []


def test_draining_pods_may_not_pile_up() -> None:
    script = Script()
    script.pool(0, change=Change.ADDED)
    for number in range(6):
        script.pod(number, f"vod-{number}", annotations={objects.DRAIN: "drain"}, change=Change.ADDED)
    (found,) = cap.check(script.history())
    assert found.what == "with pod vod-5, 6 pods are unfinished, 5 are allowed"


def test_pods_of_others_are_not_counted() -> None:
    script = scene()
    script.pod(2, "foreign", change=Change.ADDED, metadata={"ownerReferences": []})
    assert cap.check(script.history()) == []


def test_what_a_list_tells_in_no_order_is_judged_with_the_next_event() -> None:
    script = scene()
    script.pod(2, "vod-3", change=Change.ADDED)
    script.from_a_list()
    assert cap.check(script.history()) == []
    script.pod(2, "vod-1", change=Change.DELETED)
    script.from_a_list()
    script.pod(3, "vod-4", change=Change.ADDED)
    (found,) = cap.check(script.history())
    assert found.what == "with pod vod-4, 3 pods may take work, 2 are allowed"
