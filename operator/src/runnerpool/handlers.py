"""The only file that decorates kopf handlers. kopf tells that something changed; nothing else is its business."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Any, Protocol

import kopf

from runnerpool.api import names
from runnerpool.settings import Settings

_log = logging.getLogger(__name__)

_RESTART_DELAYS_SECONDS = (1, 2, 5, 10, 20, 30)

# Watches that stood for so long were well: a fault after that is a new one, not the last one once more.
_STEADY_SECONDS = 60.0

_CRD_LOOK_SECONDS = 5.0

_STOP_LOOK_SECONDS = 0.2
# As kopf names the task of each watch.
_WATCH_TASK = "watcher for "

_IDENTITY: Any = names.MANAGED_BY
"""By default kopf asks for the user's name, and ends where the image knows none. Typed Any, as kopf keeps the type."""


class WatchLost(Exception):
    """One of kopf's watches has ended, of which kopf itself takes no note."""


Wake = Callable[[str, str], None]
"""Called with a pool's namespace and name, from kopf's thread."""


Served = Callable[[], Awaitable[bool]]
"""Whether the API server knows the resource."""


def _looked_at_when_done(look: Callable[[asyncio.Task[Any]], object]) -> Any:
    """A factory of tasks, for a loop. Typed Any, as its own type differs from one version of Python to the next."""

    def create(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        task.add_done_callback(look)
        return task

    return create


def _is_watch(task: asyncio.Task[Any]) -> bool:
    return task.get_name().startswith(_WATCH_TASK)


def _cancel_watches() -> None:
    """Cancel them before kopf does, which may hang.

    It cancels what they wait for at the same time: one that is about to log in anew takes that for the end of a pause,
    swallows its own cancellation and waits for ever, and kopf with it.
    """
    for task in asyncio.all_tasks():
        if _is_watch(task):
            task.cancel()


class StateListener(Protocol):
    """Called when the watches stand, and when they have ended by a fault."""

    def __call__(self, *, watching: bool) -> None:
        """Take the news in; called in kopf's thread or in the caller's of `Watcher.run`."""


class _EndlessBackoffs:
    """Delays between kopf's tries: it takes any iterable, and by default gives up after 54 s of 5xx or 403."""

    def __iter__(self) -> Iterator[float]:
        return chain((1, 1, 2, 3, 5, 8, 13, 21), repeat(30))


def kopf_settings() -> kopf.OperatorSettings:
    """Settings for kopf, with the reason where the default would hurt (style study, §4.2)."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    # None is ever written, as no handler here needs it; a later one must not write under kopf's own name. The finalizer
    # must not be ours: kopf takes the one named here off every object for which it sees no need.
    settings.persistence.finalizer = f"{names.GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=names.GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=names.GROUP, v1=False)
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.watching.label_selectors["pods"] = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.enforce_retry_after = True
    settings.networking.error_backoffs = _EndlessBackoffs()
    # Needs list and watch on CRDs and namespaces; what we watch is known.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None
    return settings


def build_registry(wake: Wake, kubeconfig: str | None) -> kopf.OperatorRegistry:
    """The handlers: every event of a pool or of one of its pods wakes the pool's task."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        if kubeconfig is None:
            return _login_in_cluster(**kwargs)
        return kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def pool_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            wake(namespace, name)

    @kopf.on.event("pods", labels={names.LABEL_POOL: kopf.PRESENT}, registry=registry)
    async def pod_changed(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        if namespace:
            wake(namespace, labels[names.LABEL_POOL])

    return registry


def _login_in_cluster(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """The pod's ServiceAccount; by the API server's address, as the official clients do, so that no DNS is needed."""
    found = kopf.login_with_service_account(**kwargs)
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if found is None or not host:
        return found
    authority = f"[{host}]" if ":" in host else host
    return replace(found, server=f"https://{authority}:{port}")


class Watcher:
    """Runs kopf in a thread of its own, and again when it ends by a fault.

    In a thread, because at its end kopf waits for, then cancels, every task of its loop; and again in process,
    because a 410 on a LIST or an error inside a watch ends it (reliability study, F2): runner pods need no restart
    of ours for that.
    """

    def __init__(self, settings: Settings, wake: Wake, *, served: Served, on_state: StateListener) -> None:
        self._settings = settings
        self._wake = wake
        self._served = served
        self._on_state = on_state
        self._stop = threading.Event()
        self._restarts = 0

    async def run(self) -> None:
        """Watch until `stop`. Never raises for a fault of kopf's."""
        while True:
            await self._await_resource()
            begin = time.monotonic()
            cause = "no cause given"
            try:
                await asyncio.to_thread(self._watch_once)
            except Exception as error:  # noqa: BLE001 -- whatever kopf died of, runner pods need to be watched again
                cause = f"{type(error).__name__} {error}" if isinstance(error, WatchLost) else type(error).__name__
                _log.debug("what the watches ended by", exc_info=True)
            if self._stop.is_set():
                return
            self._on_state(watching=False)
            await self._pause(cause, stood_for=time.monotonic() - begin)

    async def _pause(self, cause: str, *, stood_for: float) -> None:
        """Tell of the end of the watches, and wait the longer the more often they have ended in a row."""
        if stood_for >= _STEADY_SECONDS:
            self._restarts = 0
        delay = _RESTART_DELAYS_SECONDS[min(self._restarts, len(_RESTART_DELAYS_SECONDS) - 1)]
        self._restarts += 1
        _log.warning("the watches on pools and pods ended (%s); they are started again in %d s", cause, delay)
        await asyncio.to_thread(self._stop.wait, delay)

    async def _await_resource(self) -> None:
        """Wait for the CRD: kopf looks for its resources only once, and would watch nothing for ever."""
        told = False
        while not self._stop.is_set() and not await self._served():
            if not told:
                _log.error(
                    "the API server does not know %s.%s: install the CRD (crds/ or the chart); waiting for it",
                    names.PLURAL, names.GROUP,
                )  # fmt: skip
            told = True
            await asyncio.to_thread(self._stop.wait, _CRD_LOOK_SECONDS)

    def stop(self) -> None:
        """End the watches; `run` returns within about a second."""
        self._stop.set()

    def _watch_once(self) -> None:
        asyncio.run(self._operator())

    async def _operator(self) -> None:
        """Run kopf until we are to stop or one of its watches has ended.

        kopf keeps the tasks of its watches without ever looking at them: after an ERROR or a bad answer it goes on
        with one watch less, and new pools would not be seen until the process is started again.

        Raises:
            WatchLost: A watch has ended.
        """
        ready, ended = asyncio.Event(), asyncio.Event()
        lost: list[str] = []

        def look(task: asyncio.Task[Any]) -> None:
            if task.cancelled():
                return
            # Asked of every task: asyncio complains of those that nobody asks, which kopf leaves to it by the dozen.
            error = task.exception()
            if _is_watch(task):
                lost.append(type(error).__name__)
                _cancel_watches()
                ended.set()

        asyncio.get_running_loop().set_task_factory(_looked_at_when_done(look))
        others = (asyncio.create_task(self._announce(ready)), asyncio.create_task(self._await_stop(ended)))
        try:
            await kopf.operator(
                registry=build_registry(self._wake, self._settings.kubeconfig),
                settings=kopf_settings(),
                standalone=True,
                identity=_IDENTITY,
                clusterwide=not self._settings.namespaces,
                namespaces=self._settings.namespaces,
                stop_flag=ended,
                ready_flag=ready,
            )
        finally:
            for task in others:
                task.cancel()
        if lost:
            raise WatchLost(", ".join(lost))

    async def _await_stop(self, ended: asyncio.Event) -> None:
        """Pass `stop` on. By looking: a thread that waits for it would keep the loop from closing."""
        while not self._stop.is_set():  # noqa: ASYNC110 -- another thread sets it
            await asyncio.sleep(_STOP_LOOK_SECONDS)
        ended.set()

    async def _announce(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._on_state(watching=True)
