from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from runnerpool_agent import probes


class Reporter:
    def __init__(self) -> None:
        self.causes: Sequence[str] = ()

    def unstarted(self) -> Sequence[str]:
        return self.causes

    def unlive(self) -> Sequence[str]:
        return self.causes

    def unready(self) -> Sequence[str]:
        return self.causes

    def status(self) -> dict[str, Any]:
        return {"slots": 1}

    def exposition(self) -> bytes:
        return b"up 1\n"


@pytest.mark.parametrize("page", ["startupz", "livez", "readyz"])
async def test_a_probe_says_ok_or_why_not(page: str) -> None:
    reporter = Reporter()
    async with probes.serve(reporter, 0) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        well = await client.get(f"/{page}")
        reporter.causes = ["draining", "the server does not answer"]
        sick = await client.get(f"/{page}")
    assert (well.status_code, well.text) == (200, "ok\n")
    assert (sick.status_code, sick.text) == (503, "draining\nthe server does not answer\n")


async def test_status_and_metrics_are_served() -> None:
    async with probes.serve(Reporter(), 0) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        status, metrics = await client.get("/status"), await client.get("/metrics")
    assert status.json() == {"slots": 1}
    assert metrics.text == "up 1\n"
    assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_a_port_in_use_is_an_error() -> None:
    async with probes.serve(Reporter(), 0) as port:
        with pytest.raises(OSError, match="address already in use"):
            async with probes.serve(Reporter(), port):
                raise AssertionError
