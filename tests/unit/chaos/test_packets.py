import pytest

from support.chaos.packets import SURE, Direction, Way


@pytest.mark.parametrize("pod", [None, "10.119.0.7"])
def test_what_this_machine_says_to_itself_is_never_dropped(pod: str | None) -> None:
    arriving, leaving = Way(pod=pod, port=9000).rules(Direction.BOTH, SURE)
    assert arriving[3:6] == ("!", "-i", "lo")
    assert leaving[3:6] == ("!", "-o", "lo")


def test_a_share_of_the_packets_is_left_to_chance() -> None:
    (rule,) = Way(pod="10.119.0.7").rules(Direction.IN, 0.3)
    assert rule[-4:] == ("--probability", "0.300", "-j", "DROP")
