from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool_agent import drain as machine
from runnerpool_agent.drain import Action, Cause, Drain, Facts, Handling, Phase, Step

IDLE = Facts(now=100.0, alive=True, in_round=False)
RUNNING = Drain()
DRAINING = machine.order_drain(RUNNING, 100.0)
ABORTING = machine.order_abort(RUNNING, 100.0)
NOTHING = Handling()
TOLD = Handling(told_at=100.0)


def at(now: float, *, alive: bool = True, in_round: bool = False, idle_since: float | None = None) -> Facts:
    return Facts(now=now, alive=alive, in_round=in_round, idle_since=idle_since)


def test_without_an_order_nothing_is_done_whatever_the_runner_does() -> None:
    assert machine.next_step(RUNNING, NOTHING, IDLE) == Step(action=Action.WAIT)
    assert machine.next_step(RUNNING, NOTHING, replace(IDLE, alive=False)) == Step(action=Action.WAIT)


def test_a_drain_order_is_told_at_once_and_then_waited_for_without_end_while_there_is_a_job() -> None:
    assert machine.next_step(DRAINING, NOTHING, IDLE).action is Action.TELL
    assert machine.next_step(DRAINING, TOLD, at(1e6)) == Step(action=Action.WAIT, until=None)
    assert machine.next_step(DRAINING, TOLD, at(1e6, alive=False)).action is Action.END


@pytest.mark.parametrize(("idle_since", "stop_at"), [(0.0, 130), (100.0, 130), (500.0, 530)])
def test_a_runner_that_was_told_and_stays_without_a_job_is_stopped_after_thirty_seconds(
    idle_since: float, stop_at: float
) -> None:
    lingering = at(stop_at - 1, idle_since=idle_since)
    assert machine.next_step(DRAINING, TOLD, lingering) == Step(action=Action.WAIT, until=stop_at)
    assert machine.next_step(DRAINING, TOLD, replace(lingering, now=stop_at)) == Step(action=Action.TERMINATE)
    stopped = replace(TOLD, terminated_at=stop_at)
    assert machine.next_step(DRAINING, stopped, replace(lingering, now=stop_at)).until == stop_at + 15
    assert machine.next_step(DRAINING, stopped, replace(lingering, now=stop_at + 15)).action is Action.KILL
    killed = replace(stopped, killed=True)
    assert machine.next_step(DRAINING, killed, replace(lingering, now=1e6)) == Step(action=Action.WAIT)


def test_a_runner_without_a_job_that_could_not_be_told_is_told_again_however_long_that_takes() -> None:
    assert machine.next_step(DRAINING, NOTHING, at(1e6, idle_since=0.0)).action is Action.TELL


def test_a_runner_that_lingers_hides_no_deadline() -> None:
    drain = machine.order_terminate(RUNNING, 100, 50, None)
    assert machine.next_step(drain, TOLD, at(101, idle_since=0.0)).until == 120


def test_a_runner_in_an_open_round_is_not_told_before_the_round_is_over() -> None:
    step = machine.next_step(DRAINING, NOTHING, at(101, in_round=True))
    assert step == Step(action=Action.WAIT, until=100 + machine.DRAIN_ROUND_SECONDS)
    assert machine.next_step(DRAINING, NOTHING, at(101)).action is Action.TELL


def test_a_round_that_never_ends_holds_the_drain_up_for_ten_seconds_only() -> None:
    assert machine.next_step(DRAINING, NOTHING, at(110, in_round=True)).action is Action.TELL


def test_sigterm_drains_until_thirty_seconds_before_the_end_of_the_grace_period() -> None:
    drain = machine.order_terminate(RUNNING, 100, 600, None)
    assert drain.phase is Phase.DRAINING
    assert machine.next_step(drain, TOLD, IDLE) == Step(action=Action.WAIT, until=670)
    assert machine.pass_time(drain, 669.9) is drain
    cut = machine.pass_time(drain, 670)
    assert (cut.phase, cut.cause) == (Phase.ABORTING, Cause.DEADLINE)


def test_an_open_round_does_not_hide_the_deadline() -> None:
    drain = machine.order_terminate(RUNNING, 100, 46, None)
    assert machine.next_step(drain, NOTHING, at(110, in_round=True)).until == 116
    assert machine.next_step(drain, NOTHING, at(100, in_round=True)).until == 110


@pytest.mark.parametrize("grace", [0, 30, 44.9])
def test_a_grace_period_too_short_for_a_drain_hands_jobs_back_at_once(grace: float) -> None:
    drain = machine.order_terminate(RUNNING, 100, grace, None)
    assert (drain.phase, drain.cause) == (Phase.ABORTING, Cause.DEADLINE)


@pytest.mark.parametrize("drain", [RUNNING, DRAINING])
@pytest.mark.parametrize("sick", [Cause.UNHEALTHY, Cause.CONTACT_LOST])
def test_sigterm_to_a_sick_pod_hands_jobs_back_at_once(drain: Drain, sick: Cause) -> None:
    assert machine.order_terminate(drain, 100, 600, sick).cause is sick


def test_sigterm_gives_a_running_drain_a_deadline() -> None:
    drain = machine.order_terminate(DRAINING, 500, 600, None)
    assert drain.cause is Cause.DRAIN_ORDERED
    assert drain.abort_at == 1070


def test_a_second_sigterm_neither_shortens_nor_prolongs() -> None:
    drain = machine.order_terminate(RUNNING, 100, 600, None)
    assert machine.order_terminate(drain, 200, 600, None) is drain
    assert machine.order_terminate(ABORTING, 200, 600, None) is ABORTING


def test_a_drain_order_after_sigterm_changes_nothing() -> None:
    drain = machine.order_terminate(RUNNING, 100, 600, None)
    assert machine.order_drain(drain, 200) is drain
    assert machine.order_drain(ABORTING, 200) is ABORTING


def test_an_abort_order_cuts_a_drain() -> None:
    drain = machine.order_abort(DRAINING, 200)
    assert drain.cause is Cause.ABORT_ORDERED
    assert machine.next_step(drain, NOTHING, at(200)).action is Action.TERMINATE
    assert machine.order_abort(drain, 300, Cause.UNREGISTERED) is drain


def test_an_abort_waits_two_seconds_for_an_open_round() -> None:
    assert machine.next_step(ABORTING, NOTHING, at(101, in_round=True)) == Step(action=Action.WAIT, until=102)
    assert machine.next_step(ABORTING, NOTHING, at(102, in_round=True)).action is Action.TERMINATE


def test_a_runner_that_ignores_sigterm_is_killed_after_fifteen_seconds() -> None:
    handling = Handling(terminated_at=100)
    assert machine.next_step(ABORTING, handling, at(114)) == Step(action=Action.WAIT, until=115)
    assert machine.next_step(ABORTING, handling, at(115)).action is Action.KILL
    assert machine.next_step(ABORTING, replace(handling, killed=True), at(116)) == Step(action=Action.WAIT)


def test_a_frozen_runner_is_killed_at_once_and_once() -> None:
    frozen = replace(at(100, in_round=True), frozen=True)
    assert machine.next_step(ABORTING, NOTHING, frozen).action is Action.KILL
    assert machine.next_step(ABORTING, replace(NOTHING, killed=True), frozen).action is Action.WAIT
    assert machine.next_step(DRAINING, TOLD, frozen).action is Action.WAIT


orders = st.lists(
    st.tuples(
        st.floats(0, 300),
        st.sampled_from(["drain", "abort", "sigterm", "sick", "unregistered"]),
        st.sampled_from([10, 60, 600]),
    ),
    min_size=1,
    max_size=8,
)


def _apply(drain: Drain, now: float, order: str, grace: float) -> Drain:
    changes = {
        "drain": lambda: machine.order_drain(drain, now),
        "abort": lambda: machine.order_abort(drain, now),
        "sigterm": lambda: machine.order_terminate(drain, now, grace, None),
        "sick": lambda: machine.order_terminate(drain, now, grace, Cause.UNHEALTHY),
        "unregistered": lambda: machine.order_abort(drain, now, Cause.UNREGISTERED),
    }
    return changes[order]()


@given(orders)
def test_no_sequence_of_orders_leads_back_or_moves_the_deadline_away(
    given_orders: list[tuple[float, str, float]],
) -> None:
    rank = list(Phase)
    drain, now = RUNNING, 0.0
    for delay, order, grace in given_orders:
        now += delay
        before = drain = machine.pass_time(drain, now)
        drain = _apply(drain, now, order, grace)
        assert rank.index(drain.phase) >= rank.index(before.phase)
        assert drain.phase is not Phase.RUNNING
        assert before.abort_at is None or drain.abort_at == before.abort_at
        if order in {"abort", "sick", "unregistered"}:
            assert drain.phase is Phase.ABORTING


@given(orders, st.booleans())
def test_once_ordered_there_is_always_something_to_do_or_to_wait_for(
    given_orders: list[tuple[float, str, float]], in_round: bool
) -> None:
    drain, now = RUNNING, 0.0
    for delay, order, grace in given_orders:
        now += delay
        drain = _apply(machine.pass_time(drain, now), now, order, grace)
    drain = machine.pass_time(drain, now)
    step = machine.next_step(drain, NOTHING, at(now, in_round=in_round))
    assert step.action in {Action.TELL, Action.TERMINATE} or (step.until is not None and step.until > now)
    assert machine.next_step(drain, NOTHING, at(now, alive=False)).action is Action.END
