"""The wiring: from settings to a running operator, and back down in order."""

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime

from kubernetes.aio import config
from prometheus_client import MetricsHandler

import runnerpool
from runnerpool import health
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import ClusterError
from runnerpool.cluster.gateway import ClusterGateway
from runnerpool.cluster.login import Login, load_login
from runnerpool.cluster.pulse import keep_fresh
from runnerpool.control.controller import Controller
from runnerpool.control.janitor import Janitor
from runnerpool.control.pace import Pace
from runnerpool.control.pollers import Pollers
from runnerpool.control.world import World
from runnerpool.handlers import Watcher
from runnerpool.leadership import MayWrite, NoLeaseNamespace, leadership
from runnerpool.listening import listen
from runnerpool.metrics import Metrics
from runnerpool.peertube.connect import Connector
from runnerpool.settings import Settings

_log = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_USAGE = 2
_RETRY_SECONDS = 5.0


class _SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class PortNotOpened(Exception):
    """A port to serve on is taken, or not ours to take. The message is for people."""


async def run_until_stopped(settings: Settings) -> int:
    """Run the operator until SIGTERM or SIGINT.

    Returns:
        The exit code: 0 stopped as asked; 2 the settings name no way to the API server, a port that is taken, or no
            namespace for the Lease.

    Raises:
        Exception: A part that should never end did; the process is to be restarted.
    """
    try:
        login = await load_login(settings.kubeconfig)
    except (config.ConfigException, OSError) as error:
        _log.critical("no way to the API server: %s; give --kubeconfig, or run in a pod with a ServiceAccount", error)
        return EXIT_USAGE
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    operating = asyncio.create_task(_operate(settings, login), name="operator")
    stopping = asyncio.create_task(stop.wait(), name="stop signal")
    await asyncio.wait({operating, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    operating.cancel()
    try:
        with suppress(asyncio.CancelledError):
            await operating
    except (PortNotOpened, NoLeaseNamespace) as error:
        _log.critical("%s", error)
        return EXIT_USAGE
    _log.info("stopped; runner pods go on")
    return EXIT_OK


async def _operate(settings: Settings, login: Login) -> None:
    """Everything that runs until it is cancelled; taken down in reverse order."""
    _log.info("runnerpool %s starts", runnerpool.__version__)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        with _opening("metrics", settings.metrics_port):
            page = listen(MetricsHandler.factory(metrics.registry), settings.metrics_port, name="metrics")
        stack.callback(page.server_close)
        stack.callback(page.shutdown)
        vitals = health.Health()
        with _opening("health", settings.health_port):
            probes = health.serve(vitals, settings.health_port)
        stack.callback(probes.server_close)
        stack.callback(probes.shutdown)
        metrics.loop_lag.set_function(lambda: vitals.loop_lag)
        beating = asyncio.create_task(vitals.beat_for_ever(), name="heartbeat")
        stack.callback(beating.cancel)
        # Whatever acts lives inside: what it had begun has ended when the Lease is given back.
        may_write = await stack.enter_async_context(
            leadership(settings, login, metrics=metrics, vitals=vitals, clock=_SystemClock())
        )
        await _lead(settings, login, metrics=metrics, vitals=vitals, may_write=may_write)


async def _lead(
    settings: Settings,
    login: Login,
    *,
    metrics: Metrics,
    vitals: health.Health,
    may_write: MayWrite,
) -> None:
    """Watch and act until cancelled."""
    async with AsyncExitStack() as stack:
        api = KubeApi(login.configuration, metrics, may_write=may_write, read_again=login.read)
        stack.push_async_callback(api.close)
        pollers = Pollers(
            Connector(telemetry=metrics, may_write=may_write),
            clock=_SystemClock(),
            pace=Pace(period=settings.poll_period_seconds),
            forget=metrics.forget_server,
        )
        stack.push_async_callback(pollers.close)
        cluster = ClusterGateway(api)
        world = await _world(settings, cluster, pollers, metrics)
        controller = Controller(world)
        stack.push_async_callback(controller.stop)
        vitals.look_at(oldest_pass=controller.oldest_pass, last_api_answer=lambda: api.last_answer)
        watcher = _watcher(settings, cluster, controller, vitals, metrics)
        janitor = Janitor(cluster, pollers.in_use, cluster_id=world.cluster_id, namespaces=settings.namespaces)
        async with asyncio.TaskGroup() as group:
            besides = (
                group.create_task(janitor.run(), name="janitor"),
                group.create_task(keep_fresh(api), name="pulse"),
            )
            try:
                await watcher.run()
            finally:
                watcher.stop()
                for task in besides:
                    task.cancel()


@contextmanager
def _opening(what: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"port {port} for {what} cannot be opened: {error.strerror}; free it, or give another --{what}-port"
        raise PortNotOpened(message) from error


async def _world(settings: Settings, cluster: ClusterGateway, pollers: Pollers, metrics: Metrics) -> World:
    clock = _SystemClock()
    cluster_id = settings.cluster_id or await _cluster_id(cluster)
    return World(
        cluster=cluster,
        links=pollers,
        clock=clock,
        recorder=metrics,
        cluster_id=cluster_id,
        runner_image=settings.runner_image,
        observed_since=clock.now(),
    )


async def _cluster_id(cluster: ClusterGateway) -> str:
    """The cluster's id, asked for until it is there: without it no row can be told from another cluster's."""
    told = False
    while True:
        try:
            return await cluster.cluster_id()
        except ClusterError as error:
            if not told:
                _log.warning("the cluster's id cannot be read: %s; trying again, or give --cluster-id", error.message)
            told = True
            await asyncio.sleep(max(_RETRY_SECONDS, error.retry_after or 0.0))


def _watcher(
    settings: Settings, cluster: ClusterGateway, controller: Controller, vitals: health.Health, metrics: Metrics
) -> Watcher:
    loop = asyncio.get_running_loop()

    def wake(namespace: str, name: str) -> None:
        loop.call_soon_threadsafe(controller.wake, namespace, name)

    def on_state(*, watching: bool) -> None:
        vitals.watching = watching
        if watching:
            _log.info("watching pools and pods")
        else:
            metrics.watch_restarts.inc()

    return Watcher(settings, wake, served=cluster.pools_served, on_state=on_state)
