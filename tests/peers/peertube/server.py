"""The simulation behind HTTP."""

import contextlib
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from peers.peertube.call import Route
from peers.peertube.listener import LISTENER, Listener
from peers.peertube.middleware import count, misbehave, serve
from peers.peertube.routes import (
    control,
    faults,
    files,
    instance,
    jobs_admin,
    observation,
    runner_jobs,
    runners,
    transcoding,
    troubles,
    uploads,
)
from peers.peertube.simulation import SIMULATION, Settings, Simulation

ROUTES: tuple[Route, ...] = (
    *instance.ROUTES,
    *runner_jobs.ROUTES,
    *files.ROUTES,
    *jobs_admin.ROUTES,
    *runners.ROUTES,
    *uploads.ROUTES,
    *transcoding.ROUTES,
    *control.ROUTES,
    *observation.ROUTES,
    *faults.ROUTES,
    *troubles.ROUTES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server that answers.

    Attributes:
        base_url: Where it listens; its public URL may be another.
        simulation: Its inside, for tests in the same event loop.
    """

    base_url: str
    simulation: Simulation


def application_of(simulation: Simulation) -> web.Application:
    app = web.Application(middlewares=[serve, count, misbehave])
    app[SIMULATION] = simulation
    app[LISTENER] = Listener()
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.answer)
    simulation.socket.attach(app, simulation.runners)
    return app


@contextlib.asynccontextmanager
async def serving(settings: Settings, host: str, port: int) -> AsyncIterator[RunningServer]:
    """Serve on an address until the block ends; port 0 takes a free one.

    Raises:
        OSError: The address is taken or not ours, or there is no certificate in the files.
    """
    simulation = Simulation(settings)
    application = application_of(simulation)
    # The socket server's handlers would hold a shutdown up for long polls and websockets.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        context = settings.tls.context() if settings.tls else None
        application[LISTENER].attach(runner, context, settings.tls)
        await web.TCPSite(runner, host, port, ssl_context=context).start()
        simulation.start()
        bound_host, bound_port = runner.addresses[0][:2]
        scheme = "http" if context is None else "https"
        yield RunningServer(base_url=f"{scheme}://{bound_host}:{bound_port}", simulation=simulation)
    finally:
        await simulation.stop()
        await runner.cleanup()


@contextlib.asynccontextmanager
async def running(settings: Settings | None = None, *, clock_divisor: float = 1.0) -> AsyncIterator[RunningServer]:
    """A server on loopback for a test: free port, public URL = base URL, files in a temporary directory.

    Give settings to choose these; a `public_url` of "" still becomes the base URL.
    """
    with tempfile.TemporaryDirectory(prefix="simulated-peertube-") as directory:
        chosen = settings or Settings(public_url="", data_directory=Path(directory), clock_divisor=clock_divisor)
        port = _free_port()
        if not chosen.public_url:
            scheme = "https" if chosen.tls else "http"
            chosen = replace(chosen, public_url=f"{scheme}://127.0.0.1:{port}")
        async with serving(chosen, "127.0.0.1", port) as server:
            yield server


def _free_port() -> int:
    """A port that nobody listens on; the public URL must be known before the server starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
