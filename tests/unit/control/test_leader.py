"""The election, in virtual time."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Refused
from runnerpool.control.leader import ElectionTimes, Leader, LeadershipLost, steady_seconds
from support.fake_lease import REFUSED, FakeLeases, WallClock, Way, loop_time

pytestmark = pytest.mark.looptime

LEASE, DEADLINE, RETRY, REQUEST = 15, 10.0, 2.0, 3.0
FORBIDDEN = Refused(Reason.FORBIDDEN, "canned: check the operator's Role")


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


def candidate(leases: FakeLeases, name: str = "a", *, skew: timedelta = timedelta(), steady: Any = loop_time):
    """A replica, and its way to the Lease."""
    way = Way(leases)
    return Leader(way, name, clock=WallClock(skew), steady=steady), way


async def led_at(leader: Leader) -> float:
    await leader.campaign()
    return loop_time()


async def lost_at(leader: Leader) -> float:
    with pytest.raises(LeadershipLost):
        await leader.keep()
    return loop_time()


def test_a_leader_has_ended_before_its_lease_has() -> None:
    times = ElectionTimes()
    assert (times.lease, times.renew_deadline, times.retry, times.request) == (LEASE, DEADLINE, RETRY, REQUEST)
    assert times.renew_deadline + times.request < times.lease


@pytest.mark.parametrize("wrong", [{"renew_deadline": 12.0}, {"lease": 13}, {"request": 5.0}, {"retry": 10.0}])
def test_times_by_which_two_could_lead_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="less than"):
        ElectionTimes(**wrong)


def test_the_clock_of_ages_only_goes_forward() -> None:
    assert steady_seconds() <= steady_seconds()


async def test_the_first_one_makes_the_lease_and_leads(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    assert not leader.may_write()
    assert leader.trouble is not None

    assert await led_at(leader) == 0
    assert leader.may_write()
    assert not leader.overdue()
    assert leader.trouble is None
    assert leases.stored is not None
    terms = leases.stored.terms
    assert (terms.holder, terms.duration_seconds, terms.transitions) == ("a", LEASE, 0)
    assert terms.acquired == terms.renewed == "2026-11-30T06:00:00.000000Z"


async def test_it_renews_every_two_seconds_and_keeps_the_time_when_it_took_over(leases: FakeLeases) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    await asyncio.sleep(60.5)

    assert leader.may_write()
    assert [at for at, _ in leases.writes] == [RETRY * turn for turn in range(31)]
    assert len(way.calls) == len(leases.writes) + 1
    assert leases.stored is not None
    assert leases.stored.terms.acquired == "2026-11-30T06:00:00.000000Z"
    assert leases.stored.terms.renewed == "2026-11-30T06:01:00.000000Z"
    keeping.cancel()


async def test_another_stands_by_while_the_lease_is_renewed_and_says_so_once(leases: FakeLeases, caplog: Any) -> None:
    leader, _ = candidate(leases)
    standby, _ = candidate(leases, "b")
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    with caplog.at_level(logging.INFO):
        campaign = asyncio.create_task(standby.campaign())
        await asyncio.sleep(300)

    assert not campaign.done()
    assert not standby.may_write()
    assert not standby.overdue()
    assert standby.trouble is None
    told = [record.getMessage() for record in caplog.records]
    assert told == ["this replica stands by: a holds the Lease system/runnerpool"]
    keeping.cancel()
    campaign.cancel()


async def test_a_lease_whose_holder_is_gone_is_taken_when_it_has_not_changed_for_its_time(leases: FakeLeases) -> None:
    gone, _ = candidate(leases)
    await gone.campaign()
    standby, _ = candidate(leases, "b")
    # It counts from its own first look, whatever time stands in the Lease.
    await asyncio.sleep(100)

    assert LEASE <= await led_at(standby) - 100 <= LEASE + RETRY
    assert leases.stored is not None
    assert (leases.stored.terms.holder, leases.stored.terms.transitions) == ("b", 1)
    assert leases.stored.terms.acquired == leases.stored.terms.renewed


@pytest.mark.parametrize("hours", [-1, 1])
async def test_wall_clocks_an_hour_apart_change_nothing(leases: FakeLeases, hours: int) -> None:
    leader, _ = candidate(leases)
    standby, _ = candidate(leases, "b", skew=timedelta(hours=hours))
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    campaign = asyncio.create_task(led_at(standby))
    await asyncio.sleep(100.5)
    assert not campaign.done()

    keeping.cancel()
    # The last renewal was at 100 s.
    assert LEASE <= await campaign - 100 <= LEASE + RETRY
    keeping = asyncio.create_task(standby.keep())
    late, _ = candidate(leases, "c")
    assert not await _leads_within(late, 100)
    keeping.cancel()


async def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs_anything(leases: FakeLeases) -> None:
    clock = WallClock()
    leader = Leader(Way(leases), "a", clock=clock, steady=loop_time)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    for hours in (1, -1, 0):
        await asyncio.sleep(5)
        clock.skew = timedelta(hours=hours)
    await asyncio.sleep(30)
    assert leader.may_write()
    keeping.cancel()
    await asyncio.sleep(DEADLINE + RETRY)
    assert leader.overdue()


async def _leads_within(leader: Leader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await leader.campaign()
    except TimeoutError:
        return False
    return True


async def test_the_lease_of_a_leader_that_died_is_taken_in_the_moment_when_it_ends(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    standby, _ = candidate(leases, "b")
    await leader.campaign()
    await asyncio.sleep(1.5)
    assert await led_at(standby) == 1.5 + LEASE


async def test_a_lease_given_back_is_taken_at_the_next_look(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    standby, _ = candidate(leases, "b")
    await leader.campaign()
    campaign = asyncio.create_task(led_at(standby))
    await asyncio.sleep(4.5)
    await leader.release()

    assert not leader.may_write()
    assert leases.holder == ""
    assert await campaign == 6
    assert leases.holder == "b"


async def test_one_that_never_led_has_nothing_to_keep(leases: FakeLeases) -> None:
    standby, way = candidate(leases)
    assert await lost_at(standby) == 0
    assert way.calls == []


async def test_one_that_never_led_gives_nothing_back(leases: FakeLeases) -> None:
    standby, way = candidate(leases)
    await standby.release()
    assert way.calls == []


@pytest.mark.parametrize("how", [{"error": REFUSED}, {"hangs": True}])
async def test_a_release_that_fails_is_told_and_takes_no_longer_than_a_call(
    leases: FakeLeases, how: dict[str, Any], caplog: Any
) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    for name, value in how.items():
        setattr(way, name, value)
    await leader.release()
    assert loop_time() <= REQUEST
    assert "could not be given back" in caplog.text


async def test_a_renewal_that_still_arrives_when_it_was_broken_off_does_not_keep_the_lease(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    await leader.campaign()
    assert leases.holder is not None
    leases.steal(leases.holder)
    await leader.release()
    assert leases.holder == ""


async def test_what_another_holds_is_not_given_back(leases: FakeLeases) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    way.error = REFUSED
    await asyncio.sleep(RETRY + 0.1)
    keeping.cancel()
    way.error = None
    leases.steal("b")
    await leader.release()
    assert leases.holder == "b"


async def test_what_somebody_has_deleted_is_not_given_back(leases: FakeLeases) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    way.error = REFUSED
    await asyncio.sleep(RETRY + 0.1)
    keeping.cancel()
    way.error = None
    leases.stored = None
    await leader.release()
    assert leases.stored is None


@pytest.mark.parametrize("how", [{"error": REFUSED}, {"hangs": True}, {"lost": True}, {"error": FORBIDDEN}], ids=repr)
async def test_a_leader_that_cannot_renew_is_lost_at_the_deadline_whatever_the_api_server_does(
    leases: FakeLeases, how: dict[str, Any]
) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    for name, value in how.items():
        setattr(way, name, value)

    assert await lost_at(leader) == DEADLINE
    assert not leader.may_write()
    assert leader.overdue()
    assert max(way.calls) < DEADLINE


async def test_the_deadline_counts_from_when_the_renewal_was_sent_not_from_its_answer(leases: FakeLeases) -> None:
    leader, way = candidate(leases)

    async def slow(read, terms):
        await asyncio.sleep(2.5)
        return leases.put(terms)

    await leader.campaign()
    way.replace = slow  # type: ignore[method-assign]
    keeping = asyncio.create_task(lost_at(leader))
    await asyncio.sleep(RETRY + 2.6)
    way.hangs = True
    del way.replace
    assert await keeping == RETRY + DEADLINE


async def test_a_cut_that_ends_before_the_deadline_costs_nothing(leases: FakeLeases, caplog: Any) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    way.error = REFUSED
    await asyncio.sleep(7.5)
    way.error = None
    await asyncio.sleep(30)
    assert leader.may_write()
    # Told once, however often it was tried.
    assert len([record for record in caplog.records if "was not renewed" in record.getMessage()]) == 1
    keeping.cancel()


async def test_a_renewal_whose_answer_was_lost_is_found_and_built_upon(leases: FakeLeases) -> None:
    leader, way = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    way.lost = True
    await asyncio.sleep(6)
    way.lost = False
    await asyncio.sleep(30)
    assert leader.may_write()
    assert not keeping.done()
    keeping.cancel()


async def test_a_lease_that_another_has_taken_ends_the_leader_at_its_next_renewal(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    await leader.campaign()
    leases.steal("b")
    with pytest.raises(LeadershipLost, match="b holds the Lease"):
        await leader.keep()
    assert loop_time() == 2 * RETRY
    assert not leader.may_write()
    assert leases.holder == "b"


async def test_a_lease_that_somebody_has_edited_is_renewed_all_the_same(leases: FakeLeases) -> None:
    leader, _ = candidate(leases)
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    leases.steal("a")
    await asyncio.sleep(30)
    assert leader.may_write()
    keeping.cancel()


async def test_a_lease_that_somebody_has_deleted_is_made_again_by_its_leader_and_not_by_others(
    leases: FakeLeases,
) -> None:
    leader, _ = candidate(leases)
    standby, _ = candidate(leases, "b")
    await leader.campaign()
    keeping = asyncio.create_task(leader.keep())
    campaign = asyncio.create_task(standby.campaign())
    await asyncio.sleep(9.5)
    leases.stored = None
    await asyncio.sleep(30)
    assert leader.may_write()
    assert not campaign.done()
    assert leases.holder == "a"
    keeping.cancel()
    campaign.cancel()


async def test_a_deleted_lease_of_a_leader_that_is_gone_is_made_by_another_in_time(leases: FakeLeases) -> None:
    gone, _ = candidate(leases)
    await gone.campaign()
    standby, _ = candidate(leases, "b")
    campaign = asyncio.create_task(led_at(standby))
    await asyncio.sleep(1)
    leases.stored = None
    assert LEASE <= await campaign <= LEASE + RETRY


async def test_a_leader_that_was_frozen_past_the_deadline_makes_no_attempt_to_renew(leases: FakeLeases) -> None:
    frozen = 0.0
    leader, way = candidate(leases, steady=lambda: loop_time() + frozen)
    await leader.campaign()
    keeping = asyncio.create_task(lost_at(leader))
    await asyncio.sleep(1)
    frozen = 30.0
    assert leader.overdue()
    assert not leader.may_write()
    calls = len(way.calls)
    await keeping
    assert len(way.calls) == calls


async def test_of_two_that_find_the_lease_free_one_leads(leases: FakeLeases) -> None:
    gone, _ = candidate(leases)
    await gone.campaign()
    await gone.release()
    ways = [candidate(leases, name) for name in ("b", "c")]
    campaigns = [asyncio.create_task(leader.campaign()) for leader, _ in ways]
    await asyncio.sleep(10)
    assert sorted(campaign.done() for campaign in campaigns) == [False, True]
    for campaign in campaigns:
        campaign.cancel()


async def test_a_process_with_the_holders_identity_takes_it_back_at_once(leases: FakeLeases) -> None:
    former, _ = candidate(leases)
    await former.campaign()
    again, _ = candidate(leases)
    assert await led_at(again) == 0
    assert leases.stored is not None
    assert leases.stored.terms.transitions == 0


@pytest.mark.parametrize("how", [{"error": REFUSED}, {"hangs": True}])
async def test_a_candidate_asks_again_when_the_api_server_is_back(
    leases: FakeLeases, how: dict[str, Any], caplog: Any
) -> None:
    leader, way = candidate(leases)
    for name, value in how.items():
        setattr(way, name, value)
    campaign = asyncio.create_task(led_at(leader))
    await asyncio.sleep(60)
    assert not campaign.done()
    way.error, way.hangs = None, False
    assert await campaign <= 60 + RETRY + REQUEST
    assert caplog.text.count("cannot be taken now") == 1


async def test_a_candidate_that_has_no_right_to_the_lease_says_so(leases: FakeLeases, caplog: Any) -> None:
    leader, way = candidate(leases)
    way.error = FORBIDDEN
    campaign = asyncio.create_task(leader.campaign())
    await asyncio.sleep(20)
    assert leader.trouble is not None
    assert "check the operator's Role" in leader.trouble
    assert len(caplog.records) == 1
    campaign.cancel()
