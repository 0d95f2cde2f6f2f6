"""The judge of rollouts sees too many pods, too few ready ones, and a second new pod before the first is ready."""

import pytest

from support.faults.rollout import Bounds
from support.observer import objects
from support.observer.handmade import Script
from support.observer.records import Change

OLD = {"vod-1", "vod-2"}
DRAINING = {objects.DRAIN: "drain"}


@pytest.fixture
def script() -> Script:
    """Two pods that work, of settings that are then changed."""
    made = Script()
    made.pod(0, "vod-1", change=Change.ADDED, ready=False)
    made.pod(1, "vod-1")
    made.pod(1, "vod-2", change=Change.ADDED)
    return made


def test_a_rollout_within_its_bounds_breaks_none(script: Script) -> None:
    script.pod(2, "vod-3", change=Change.ADDED, gated=True, ready=False)
    script.pod(3, "vod-3")
    script.pod(4, "vod-1", annotations=DRAINING)
    script.pod(5, "vod-4", change=Change.ADDED, gated=True, ready=False)
    script.pod(5, "vod-1", change=Change.DELETED)
    script.pod(6, "vod-4")
    script.pod(7, "vod-2", annotations=DRAINING)
    assert Bounds(target=2).broken(script.versions, OLD) == []


def test_more_pods_than_the_surge_allows_are_seen(script: Script) -> None:
    for name in ("vod-3", "vod-4"):
        script.pod(2, name, change=Change.ADDED)
    assert Bounds(target=2).broken(script.versions, OLD) == ["with pod vod-4, 4 pods may take work"]
    assert Bounds(target=2, surge=2).broken(script.versions, OLD) == []


def test_fewer_ready_pods_than_may_be_missing_are_seen(script: Script) -> None:
    script.pod(2, "vod-1", annotations=DRAINING)
    assert Bounds(target=2).broken(script.versions, OLD) == ["with pod vod-1, 1 pods are ready"]
    assert Bounds(target=2, unavailable=1).broken(script.versions, OLD) == []


def test_a_second_pod_before_the_first_is_ready_is_seen(script: Script) -> None:
    for name in ("vod-3", "vod-4"):
        script.pod(2, name, change=Change.ADDED, ready=False)
    (told,) = Bounds(target=2, surge=2).broken(script.versions, OLD)
    assert told == "with pod vod-4, 2 pods are there of which none has shown that it works"
