import pytest

from runnerpool_agent.refusals import Refusals


def refused(*times: float) -> Refusals:
    refusals = Refusals()
    for at in times:
        refusals.failed(at)
    return refusals


def test_reports_that_are_refused_in_turn_are_counted() -> None:
    assert refused(60, 120, 180).in_a_row(180, contact_ok_seconds=1000) == 3


def test_a_report_out_of_turn_had_accepted_ones_before_it() -> None:
    assert refused(60, 240).in_a_row(240, contact_ok_seconds=1000) == 1


def test_what_failed_before_contact_was_back_for_five_seconds_says_nothing() -> None:
    refusals = refused(100, 160, 204, 210)
    assert refusals.in_a_row(260, contact_ok_seconds=60) == 1
    assert refusals.in_a_row(260, contact_ok_seconds=0) == 0


def test_reports_of_several_jobs_that_meet_one_short_fault_count_once() -> None:
    assert refused(60, 61, 64, 120).in_a_row(120, contact_ok_seconds=1000) == 2


def test_reports_of_several_jobs_that_the_server_refused_count_each() -> None:
    refusals = Refusals()
    for at in (60, 61, 62):
        refusals.failed(at)
        refusals.answered(404)
    assert refusals.in_a_row(62, contact_ok_seconds=1000) == 3


def test_an_answer_that_is_no_refusal_takes_nothing_of_another_jobs_report_away() -> None:
    refusals = refused(60, 61)
    refusals.answered(500)
    assert (refusals.in_a_row(61, contact_ok_seconds=1000), refusals.total) == (1, 1)


def test_a_new_job_or_the_end_of_one_starts_the_count_anew() -> None:
    refusals = refused(60, 120)
    refusals.settled()
    assert refusals.in_a_row(120, contact_ok_seconds=1000) == 0


@pytest.mark.parametrize(("status", "left"), [(404, 2), (400, 2), (500, 1), (429, 1), (502, 1)])
def test_a_fault_of_the_servers_is_no_refusal(status: int, left: int) -> None:
    refusals = refused(60, 120)
    refusals.answered(status)
    assert refusals.in_a_row(120, contact_ok_seconds=1000) == left
    assert refusals.total == left
