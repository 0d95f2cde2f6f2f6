import asyncio
from contextlib import asynccontextmanager

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import Unavailable
from runnerpool.cluster.pulse import QUIET_SECONDS, RETRY_SECONDS, keep_fresh
from runnerpool.health import MAX_BLIND_SECONDS

pytestmark = pytest.mark.looptime


def now():
    return asyncio.get_running_loop().time()


class Api:
    """Answers, unless `error` is set; counts seconds by the loop's clock."""

    def __init__(self):
        self.last_answer = now()
        self.asked_at = []
        self.error = None

    async def call(self, verb, path):
        self.asked_at.append(now())
        if self.error is not None:
            raise self.error
        self.last_answer = now()
        return {}


@asynccontextmanager
async def asking():
    """Not a fixture: it would run by another clock than the test."""
    api = Api()
    task = asyncio.create_task(keep_fresh(api, now))
    try:
        yield api
    finally:
        task.cancel()


async def test_an_api_server_that_nobody_asks_is_asked_often_enough_to_stay_ready():
    async with asking() as api:
        oldest = 0.0
        for _ in range(300):
            await asyncio.sleep(1)
            oldest = max(oldest, now() - api.last_answer)

    assert 0 < oldest <= QUIET_SECONDS + 1 < MAX_BLIND_SECONDS / 1.5
    assert 10 <= len(api.asked_at) <= 300 / QUIET_SECONDS


async def test_an_api_server_that_others_ask_is_asked_nothing_besides():
    async with asking() as api:
        for _ in range(30):
            await asyncio.sleep(10)
            api.last_answer = now()

    assert api.asked_at == []


@pytest.mark.parametrize("error", [Unavailable(Reason.API_SERVER_UNAVAILABLE, "refused"), KeyError("token")])
async def test_an_api_server_that_is_away_is_asked_until_it_is_back(error):
    async with asking() as api:
        api.error = error
        await asyncio.sleep(120)
        assert len(api.asked_at) > 10
        api.error = None

        await asyncio.sleep(RETRY_SECONDS + 0.1)

        assert now() - api.last_answer <= RETRY_SECONDS + 0.1


async def test_an_api_server_that_asks_to_be_left_alone_is():
    async with asking() as api:
        api.error = Unavailable(Reason.API_SERVER_UNAVAILABLE, "answered 429", retry_after=12)
        await asyncio.sleep(QUIET_SECONDS + 13)

    first, second = api.asked_at
    assert second - first == pytest.approx(12, abs=0.1)
