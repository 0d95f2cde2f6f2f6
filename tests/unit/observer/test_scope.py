import asyncio

import httpx
import pytest

from support.observer.scope import Scope
from support.observer.watch import Watch


def quiet_api(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"metadata": {"resourceVersion": "1"}, "items": []})


async def test_an_observer_that_has_lost_its_sight_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(watch: Watch) -> None:
        watch.listed.set()
        await asyncio.sleep(0)
        raise TypeError("a fault of the observer")

    monkeypatch.setattr(Watch, "run", blind)
    monkeypatch.setattr("support.observer.scope._LAST_NEWS_SECONDS", 0.0)
    async with httpx.AsyncClient(transport=httpx.MockTransport(quiet_api), base_url="http://api") as http:
        scope = Scope(http, "media", None)
        await scope.start()
        with pytest.raises(TypeError, match="a fault of the observer"):
            await scope.stop()
    assert scope.end is not None
