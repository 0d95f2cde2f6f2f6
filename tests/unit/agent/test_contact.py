import asyncio

import httpx
import pytest

from runnerpool_agent import contact as module
from runnerpool_agent.contact import Contact, ping, ping_client


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_before_the_first_answer_there_is_no_contact() -> None:
    contact = Contact(Clock())
    assert not contact.ok
    assert not contact.known


def test_one_miss_is_weather_and_two_are_a_loss() -> None:
    clock = Clock()
    contact = Contact(clock)
    contact.answered()
    assert contact.ok
    contact.missed(0.0)
    assert contact.ok
    clock.now = 10.0
    contact.missed(5.0)
    assert not contact.ok
    clock.now = 20.0
    assert contact.lost_seconds() == 20.0


def test_two_answers_in_a_row_end_a_loss_and_the_second_is_asked_for_soon() -> None:
    clock = Clock()
    contact = Contact(clock)
    contact.answered()
    contact.missed(0.0)
    contact.missed(5.0)
    clock.now = 20.0
    contact.answered()
    assert not contact.ok
    assert (contact.lost_seconds(), contact.ok_seconds()) == (0.0, 0.0)
    assert contact.next_ping_after(20.0) == 22.0
    clock.now = 22.0
    contact.answered()
    assert contact.ok
    assert contact.next_ping_after(22.0) == 32.0


def test_on_a_line_that_lets_every_other_question_through_a_loss_does_not_end() -> None:
    contact = Contact(Clock())
    contact.answered()
    contact.missed(0.0)
    contact.missed(5.0)
    for _ in range(20):
        contact.answered()
        assert not contact.ok
        contact.missed(10.0)
        assert not contact.ok


def test_a_loss_that_has_ended_begins_again_only_with_two_misses() -> None:
    contact = Contact(Clock())
    contact.answered()
    for answers in (False, False, True, True, False, True):
        if answers:
            contact.answered()
        else:
            contact.missed(0.0)
    assert contact.ok


def test_a_miss_at_the_start_is_no_contact() -> None:
    contact = Contact(Clock())
    contact.missed(0.0)
    assert contact.known
    assert not contact.ok
    contact.missed(0.0)
    assert not contact.ok


def test_after_a_miss_the_next_question_comes_as_soon_as_the_last_one_has_had_its_time() -> None:
    contact = Contact(Clock())
    contact.answered()
    assert contact.next_ping_after(100.0) == 110.0
    contact.missed(110.0)
    assert contact.next_ping_after(110.0) == 115.0


@pytest.mark.parametrize("phase", [0.1, 5.0, 9.9])
def test_a_cut_shows_within_25_seconds_at_whatever_moment_it_comes(phase: float) -> None:
    clock = Clock()
    contact = Contact(clock)
    contact.answered()  # asked at 0, and cut in the meantime
    asked_at = contact.next_ping_after(0.0)
    while contact.ok:
        clock.now = asked_at + module.TIMEOUT_SECONDS
        contact.missed(asked_at)
        asked_at = contact.next_ping_after(asked_at)
    assert clock.now - phase <= 25.0
    assert contact.lost_seconds() == 10.0


def test_it_is_known_since_when_there_is_contact_without_a_break() -> None:
    clock = Clock()
    contact = Contact(clock)
    assert contact.ok_seconds() == 0.0
    clock.now = 3.0
    contact.answered()
    clock.now = 10.0
    assert contact.ok_seconds() == 7.0
    contact.missed(5.0)
    assert contact.ok_seconds() == 7.0
    contact.missed(10.0)
    assert contact.ok_seconds() == 0.0
    contact.answered()
    contact.answered()
    clock.now = 12.0
    assert contact.ok_seconds() == 2.0


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, None), (204, None), (429, None), (404, "HTTP 404"), (502, "HTTP 502"), (302, "HTTP 302")],
)
async def test_an_answer_is_judged_by_its_status(status: int, failure: str | None) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(status)

    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(answer)) as client:
        assert await ping(client) == failure
    assert paths == ["/api/v1/ping"]


async def test_a_closed_port_is_a_miss() -> None:
    async with ping_client("http://127.0.0.1:9") as client:
        assert "ConnectError" in (await ping(client) or "")


@pytest.mark.looptime
async def test_an_answer_that_drips_is_a_miss_after_five_seconds() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    async with httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(answer)) as client:
        assert "TimeoutError" in (await ping(client) or "")
    assert asyncio.get_running_loop().time() == module.TIMEOUT_SECONDS


def test_the_client_goes_directly_even_where_a_proxy_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    assert not ping_client("http://x")._mounts
