import pytest

from runnerpool_agent import deaf
from runnerpool_agent.deaf import AGAIN_SECONDS, WEDGED_SECONDS, Ears

TOLERANCE = 120.0


def test_the_server_is_asked_only_when_it_has_been_quiet_for_the_tolerance() -> None:
    assert not deaf.should_ask(Ears(), 500.0, 119.9, TOLERANCE)
    assert deaf.should_ask(Ears(), 500.0, 120.0, TOLERANCE)


def test_two_offers_five_seconds_apart_without_a_look_in_between_are_deafness() -> None:
    once = deaf.answered(Ears(), 500.0, TOLERANCE, offers=True)
    assert not once.deaf
    assert not deaf.should_ask(once, 500.0 + AGAIN_SECONDS - 0.1, 125.0, TOLERANCE)
    assert deaf.should_ask(once, 500.0 + AGAIN_SECONDS, 125.0, TOLERANCE)
    twice = deaf.answered(once, 505.0, TOLERANCE, offers=True)
    assert twice.deaf
    assert not deaf.should_ask(twice, 1e6, 1e6, TOLERANCE)


@pytest.mark.parametrize("offers", [False, None])
def test_without_an_offer_the_next_question_is_a_tolerance_away(offers: bool | None) -> None:
    once = deaf.answered(Ears(), 500.0, TOLERANCE, offers=True)
    asked = deaf.answered(once, 505.0, TOLERANCE, offers=offers)
    assert asked == Ears(ask_at=625.0)


def test_a_look_in_between_makes_the_first_offer_void() -> None:
    once = deaf.answered(Ears(), 500.0, TOLERANCE, offers=True)
    assert not deaf.answered(deaf.listened(once), 505.0, TOLERANCE, offers=True).deaf


def test_a_look_is_wedged_only_after_thirty_seconds_with_contact() -> None:
    assert not deaf.wedged(WEDGED_SECONDS, 1e6)
    assert deaf.wedged(WEDGED_SECONDS + 1, 1e6)
    assert not deaf.wedged(1e6, WEDGED_SECONDS)
    assert not deaf.wedged(1e6, 0.0)
