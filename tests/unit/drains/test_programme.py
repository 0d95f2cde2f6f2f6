from collections import Counter

from support.drains.outcome import Outcome, Totals, again
from support.drains.programme import EARLIEST_SECONDS, NEAR_SECONDS, programme


def test_a_seed_is_the_same_round_each_time() -> None:
    assert programme(7) == programme(7)
    draw, again_ = programme(7).delay_of("/accept"), programme(7).delay_of("/accept")
    assert [draw() for _ in range(5)] == [again_() for _ in range(5)]


def test_each_round_has_a_job_near_the_order_and_none_too_early() -> None:
    for seed in range(200):
        offsets = [arrival.at for arrival in programme(seed).arrivals]
        assert any(abs(offset) <= NEAR_SECONDS for offset in offsets)
        assert all(-EARLIEST_SECONDS <= offset <= NEAR_SECONDS for offset in offsets)


def test_seeds_cover_what_rounds_differ_in() -> None:
    rounds = [programme(seed) for seed in range(200)]
    assert set(Counter((played.concurrency, played.while_starting) for played in rounds)) == {
        *((concurrency, starting) for concurrency in (1, 2) for starting in (False, True))
    }
    assert {len(played.order_delays) for played in rounds} == {1, 2}
    assert len({played.delays["/accept"] for played in rounds}) == 3


def test_a_good_round_has_nothing_to_complain_of() -> None:
    assert Outcome(seed=1, exits=(0, 0), accepts=3, completed=3, in_flight=1).complaints == ()


def test_all_that_goes_wrong_is_told_with_the_command_that_plays_it_again() -> None:
    bad = Outcome(seed=2, exits=(0, 5), accepts=3, completed=1, aborts=1, reclaims=1, orphans=1, log="said")
    lost = Outcome(seed=3, unplayed="it came to no end")
    totals = Totals(outcomes=[Outcome(seed=1, exits=(0,)), bad, lost])
    assert totals.failed == [bad, lost]
    assert totals.pods == 3
    assert totals.sum("orphans") == 1
    jobs = "3 jobs accepted and 1 completed"
    assert totals.complaint().splitlines() == [
        f"seed 2: 1 aborts, 1 reclaims, 1 orphans, an agent ended with 5, {jobs}; again: {again(2)}",
        f"seed 3: it came to no end; again: {again(3)}",
        "said",
    ]
