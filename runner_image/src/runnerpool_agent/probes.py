"""The agent's HTTP side: probes for the kubelet, status for people and the operator, metrics for Prometheus."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from runnerpool_agent.metrics import CONTENT_TYPE


class Reporter(Protocol):
    """What the pages show."""

    def unstarted(self) -> Sequence[str]:
        """Why the start-up probe fails."""

    def unlive(self) -> Sequence[str]:
        """Why the liveness probe fails."""

    def unready(self) -> Sequence[str]:
        """Why the readiness probe fails."""

    def status(self) -> dict[str, Any]:
        """Everything for people; no secret in it."""

    def exposition(self) -> bytes:
        """The metrics."""


def application(reporter: Reporter) -> web.Application:
    """The five pages."""

    async def status(_: web.Request) -> web.Response:
        return web.json_response(reporter.status(), dumps=lambda value: json.dumps(value, indent=2) + "\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=reporter.exposition(), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/startupz", _probe(reporter.unstarted))
    app.router.add_get("/livez", _probe(reporter.unlive))
    app.router.add_get("/readyz", _probe(reporter.unready))
    app.router.add_get("/status", status)
    app.router.add_get("/metrics", metrics)
    return app


def _probe(causes: Callable[[], Sequence[str]]) -> Any:
    async def answer(_: web.Request) -> web.Response:
        found = causes()
        return web.Response(text="".join(f"{cause}\n" for cause in found) or "ok\n", status=503 if found else 200)

    return answer


@asynccontextmanager
async def serve(reporter: Reporter, port: int) -> AsyncIterator[int]:
    """Serve on every address of the pod, IPv6 too; yields the port (port 0: any free one). Raises OSError."""
    runner = web.AppRunner(application(reporter), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, None, port)
        await site.start()
        # With port 0 the two families get a port each; IPv4's is the one to name where there is one.
        yield min(runner.addresses, key=lambda address: ":" in address[0])[1]
    finally:
        await runner.cleanup()
