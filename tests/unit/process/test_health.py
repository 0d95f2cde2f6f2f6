import json
import urllib.error
import urllib.request

import pytest

from runnerpool.health import MAX_LOOP_LAG_SECONDS, Health, serve


class Monotonic:
    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


@pytest.fixture
def monotonic():
    return Monotonic()


@pytest.fixture
def vitals(monotonic):
    vitals = Health(monotonic)
    vitals.watching = True
    return vitals


def test_a_process_that_does_its_work_is_well(vitals):
    assert vitals.sick() is None
    assert vitals.blind() is None


def test_an_event_loop_that_hangs_makes_it_sick(vitals, monotonic):
    monotonic.time += MAX_LOOP_LAG_SECONDS + 2

    assert "event loop" in vitals.sick()


async def test_a_beating_event_loop_has_no_lag():
    import asyncio

    vitals = Health()
    beating = asyncio.create_task(vitals.beat_for_ever())
    await asyncio.sleep(0)

    assert vitals.loop_lag == 0
    beating.cancel()


def test_a_pool_without_a_pass_makes_it_sick(vitals, monotonic):
    started = monotonic.time
    vitals.look_at(oldest_pass=lambda: started, last_api_answer=monotonic)
    vitals._beat = monotonic.time = started + 301

    assert "pass" in vitals.sick()


def test_watches_that_do_not_stand_make_it_blind_but_not_sick(vitals):
    vitals.watching = False

    assert "watches" in vitals.blind()
    assert vitals.sick() is None


def test_a_silent_api_server_makes_it_blind_but_not_sick(vitals, monotonic):
    started = monotonic.time
    vitals.look_at(oldest_pass=lambda: None, last_api_answer=lambda: started)
    vitals._beat = monotonic.time = started + 30
    assert vitals.blind() is None

    vitals._beat = monotonic.time = started + 31
    assert "API server" in vitals.blind()
    assert vitals.sick() is None


def test_a_standby_is_ready_without_any_watch_as_long_as_it_could_lead(vitals, monotonic):
    trouble, started = None, monotonic.time
    vitals.watching = False
    vitals.stand_by(cannot_lead=lambda: trouble, last_api_answer=lambda: started)
    assert vitals.blind() is None
    assert vitals.sick() is None

    trouble = "no right to the Lease"
    assert vitals.blind() == trouble
    assert vitals.sick() is None

    trouble = None
    vitals._beat = monotonic.time = started + 200
    assert "API server" in vitals.blind()


def test_one_that_takes_over_is_ready_when_its_watches_stand(vitals):
    vitals.watching = False
    vitals.stand_by(cannot_lead=lambda: None, last_api_answer=vitals._monotonic)
    vitals.take_over()
    assert "watches" in vitals.blind()


def answer(port: int, path: str):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_probes_are_answered_over_http(vitals):
    server = serve(vitals, 0)
    port = server.server_address[1]
    try:
        assert answer(port, "/healthz") == (200, {"ok": True, "cause": None})
        vitals.watching = False
        code, body = answer(port, "/readyz")
        assert code == 503
        assert "watches" in json.loads(body)["cause"]
        assert answer(port, "/elsewhere")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
