import itertools
from collections import Counter

import pytest

from support.chaos.schedule import Pace, draw, victim

KINDS = ("crash", "cut", "freeze")
PACE = Pace(pause=(1.0, 3.0), lasts=(2.0, 5.0))


def test_the_same_seed_is_the_same_night() -> None:
    assert draw(7, KINDS, 60, PACE) == draw(7, KINDS, 60, PACE)
    assert draw(7, KINDS, 60, PACE) != draw(8, KINDS, 60, PACE)


@pytest.mark.parametrize("seed", range(20))
def test_faults_come_in_order_within_the_time_at_the_pace_that_was_asked_for(seed: int) -> None:
    blows = draw(seed, KINDS, 60, PACE)
    pauses = [second.at - first.at for first, second in itertools.pairwise(blows)]
    assert all(1.0 <= pause <= 3.0 for pause in [blows[0].at, *pauses])
    assert blows[-1].at < 60 <= blows[-1].at + 3.0
    assert all(2.0 <= blow.lasts <= 5.0 for blow in blows)


@pytest.mark.parametrize("seed", range(20))
def test_no_kind_comes_twice_as_long_as_another_has_not_come(seed: int) -> None:
    counts = Counter(blow.kind for blow in draw(seed, KINDS, 60, PACE))
    assert max(counts.values()) - min(counts[kind] for kind in KINDS) <= 1


def test_a_victim_is_any_of_those_that_there_are_and_nobody_of_none() -> None:
    assert [victim(("a", "b", "c"), choice) for choice in (0.0, 0.5, 0.999)] == ["a", "b", "c"]
    assert victim((), 0.5) is None
