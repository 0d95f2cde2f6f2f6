"""Leading, as the process sees it: wait for the Lease, keep it while the operator works, end when it is lost."""

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.lease import LEASE_REQUEST_TIMEOUT_SECONDS, LeaseStore
from runnerpool.cluster.login import Login
from runnerpool.control.deadline import ended_when
from runnerpool.control.leader import Leader
from runnerpool.control.ports import Clock
from runnerpool.health import Health
from runnerpool.metrics import Metrics
from runnerpool.settings import Settings

_log = logging.getLogger(__name__)

EXIT_LOST = 1
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

MayWrite = Callable[[], bool]
"""Asked right before every write."""

End = Callable[[str], None]
"""Ends the process for the given cause; in tests it may return."""


class NoLeaseNamespace(Exception):
    """Nobody says in which namespace the Lease lives. The message is for people."""


def end_hard(cause: str) -> None:
    """End the process in the middle of whatever it does: a write that is not yet sent must not be sent any more."""
    _log.critical("%s: this process ends at once, so that it cannot act beside another", cause)
    os._exit(EXIT_LOST)


def lease_namespace(settings: Settings, own: Path = _OWN_NAMESPACE) -> str:
    """Where the Lease lives: as told, else in the pod's own namespace.

    Raises:
        NoLeaseNamespace: It was not told, and this is no pod.
    """
    if settings.lease_namespace is not None:
        return settings.lease_namespace
    try:
        return own.read_text().strip()
    except OSError as error:
        message = "--leader-election needs the Lease's namespace outside of a pod; give --lease-namespace"
        raise NoLeaseNamespace(message) from error


@asynccontextmanager
async def leadership(
    settings: Settings,
    login: Login,
    *,
    metrics: Metrics,
    vitals: Health,
    clock: Clock,
    end: End = end_hard,
) -> AsyncIterator[MayWrite]:
    """Enter the block when this replica leads; leave it, and the Lease is given back. Without election, at once.

    Raises:
        NoLeaseNamespace: See there.
        LeadershipLost: Only where `end` returns.
    """
    if not settings.leader_election:
        metrics.leader.set(1)
        yield lambda: True
        return
    # Connections of its own: a renewal never waits for other calls.
    api = KubeApi(login.configuration, metrics, request_timeout=LEASE_REQUEST_TIMEOUT_SECONDS, read_again=login.read)
    try:
        store = LeaseStore(api, lease_namespace(settings), settings.lease_name)
        leader = Leader(store, settings.lease_identity or _made_up_identity(), clock=clock)
        metrics.leader.set_function(leader.may_write)
        vitals.stand_by(cannot_lead=lambda: leader.trouble, last_api_answer=lambda: api.last_answer)
        await leader.campaign()
        vitals.take_over()
        async with _kept(leader, end):
            yield leader.may_write
    finally:
        await api.close()


@asynccontextmanager
async def _kept(leader: Leader, end: End) -> AsyncIterator[None]:
    """Renew while the block runs. Whatever ends the renewals, ends the process."""

    async def keep() -> None:
        try:
            await leader.keep()
        except Exception as error:
            end(str(error) or type(error).__name__)
            raise

    with ended_when(leader.overdue, end):
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(keep(), name="lease")
                try:
                    yield
                finally:
                    keeping.cancel()
        finally:
            await leader.release()


def _made_up_identity() -> str:
    """Of no other process: the host for people, the rest for certain."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"
