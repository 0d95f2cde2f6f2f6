"""One played pod, from its node to its end: what kubelet, agent and runner do with it."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import Enum, auto

import aiohttp

from support.faults import pod_status
from support.faults.played_runner import Orders, PlayedRunner, Unregistered
from support.faults.pod_api import Gone, PodApi
from support.faults.pod_status import End, Json
from support.faults.script import Script

ANNOTATION_DRAIN = "runnerpool.dev/drain"
_AGENT_KEY = "agent.json"
_ABORT_MARGIN_SECONDS = 30.0
_RETRY_SECONDS = 0.3
_TICK_SECONDS = 0.1
_DETAILS_SECONDS = 0.5

DRAINED = End(exit_code=0, reason="Completed", cause="Drained", message="DrainOrdered: nothing left in hand")
KILLED = End(exit_code=137, reason="Error")
UNREGISTERED = End(exit_code=3, reason="Error", cause="Unregistered", message="the server no longer knows this runner")


class Order(Enum):
    """What the agent is told, as it stands now. One way."""

    NONE = auto()
    DRAIN = auto()
    ABORT = auto()


class PodLife:
    """Plays one pod; `heard` brings it what the API server tells of it.

    Attributes:
        pod: as it was last heard of.
        runner: while it has one.
    """

    def __init__(self, api: PodApi, pod: Json, script: Callable[[], Script]) -> None:
        self.pod = pod
        self.runner: PlayedRunner | None = None
        self._api = api
        self._script = script
        self._changed = asyncio.Event()
        self._gone = False
        self._crash: End | None = None
        self._hung = False
        self._ready: bool | None = None
        self._told_ready: bool | None = None
        self._began = ""

    @property
    def name(self) -> str:
        return str(self.pod["metadata"]["name"])

    def heard(self, pod: Json | None) -> None:
        """News of the pod; None: it is gone."""
        if pod is None:
            self._gone = True
        else:
            self.pod = pod
        self._changed.set()

    def crash(self, end: End) -> None:
        self._crash = end
        self._changed.set()

    def hang(self) -> None:
        """Its runner stands still, and its agent notices."""
        self._hung = True
        self._changed.set()

    def set_ready(self, *, ready: bool | None) -> None:
        """What its probe says from now on; None: what is true."""
        self._ready = ready
        self._changed.set()

    async def play(self) -> None:
        """Until it is gone, or its part is over and nobody deletes it."""
        try:
            await self._until(lambda: bool(self.pod["spec"].get("nodeName")))
            await self._live()
        except Gone:  # somebody else removed it, or another pod has its name by now
            return
        finally:
            if self.runner is not None:
                self.runner.stop()

    async def _live(self) -> None:
        script = self._script()
        if script.never_starts is not None:
            status = pod_status.waiting(self.pod, script.never_starts, "the test's script says so")
            await self._tell(status)
            await self._until(lambda: self._deleted)
        elif not self._ended:
            orders = await self._orders()
            await asyncio.sleep(script.start_seconds)
            self._began = pod_status.now()
            await self._run(orders, script)
        await self._until(lambda: self._deleted)
        await self._retrying(lambda: self._api.remove(self.pod))

    @property
    def _deleted(self) -> bool:
        return "deletionTimestamp" in self.pod["metadata"]

    @property
    def _ended(self) -> bool:
        return self.pod["status"].get("phase") in {"Succeeded", "Failed"}

    async def _orders(self) -> Orders:
        """From the Secret that the pod mounts; a kubelet waits until it is there."""
        volumes = self.pod["spec"].get("volumes", [])
        name = next(volume["secret"]["secretName"] for volume in volumes if "secret" in volume)
        while True:
            try:
                secret = await self._api.secret(name)
            except (Gone, aiohttp.ClientError, TimeoutError):
                if self._gone or self._deleted:
                    raise Gone(self.name) from None
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            return Orders.parse(base64.b64decode(secret["data"][_AGENT_KEY]))

    async def _run(self, orders: Orders, script: Script) -> None:
        async with orders.session() as session:
            self.runner = PlayedRunner(orders, session, lambda: self._script().job_seconds)
            self.runner.taking = script.takes_jobs and not script.never_ready
            working = asyncio.create_task(self.runner.work(), name=f"runner {self.name}")
            try:
                end = await self._attend(self.runner, working, script)
            finally:
                working.cancel()
                self.runner.stop()
                with suppress(asyncio.CancelledError, Unregistered):
                    await working
        await self._tell(pod_status.ended(self.pod, end))

    async def _attend(self, runner: PlayedRunner, working: "asyncio.Task[None]", script: Script) -> End:
        """The agent's part: readiness, orders, and how it all ends."""
        crash_at = time.monotonic() + script.crash_after if script.crash_after is not None else None
        while True:
            order = Order.NONE if script.deaf else self._order()
            if order is not Order.NONE:
                runner.taking = False
            await self._tell_readiness(script, draining=order is not Order.NONE or runner.rejected is not None)
            struck = self._struck(script, crash_at)
            if struck is not None:
                return struck
            if self._hung:
                return await self._leave_hung(runner)
            if working.done():
                return UNREGISTERED
            if runner.rejected is not None and order is Order.NONE:
                return await self._leave_rejected(runner)
            if order is Order.ABORT and runner.jobs:
                return await self._hand_back(runner)
            if order is not Order.NONE and not runner.jobs:
                return DRAINED
            await self._wait(_TICK_SECONDS)

    def _struck(self, script: Script, crash_at: float | None) -> End | None:
        """How it ends by no doing of its agent's: a crash, or the kill at the end of its grace; None if it does not."""
        if self._crash is None and crash_at is not None and time.monotonic() >= crash_at:
            return End(exit_code=script.exit_code, reason=script.reason)
        deadline = self.pod["metadata"].get("deletionTimestamp")
        if self._crash is None and deadline is not None and _seconds_until(deadline) <= 0:
            return KILLED
        return self._crash

    async def _leave_hung(self, runner: PlayedRunner) -> End:
        await runner.hand_back()
        message = "a job in hand made no progress, used no CPU and moved no bytes"
        return End(exit_code=4, reason="Error", cause="RunnerHung", message=message, jobs=tuple(runner.lost))

    async def _leave_rejected(self, runner: PlayedRunner) -> End:
        """Until the agent knows why, the runner begins the next job: it goes back, and older ones are finished."""
        await asyncio.sleep(_DETAILS_SECONDS)
        runner.taking = False
        while runner.has_older_jobs:
            await self._wait(_TICK_SECONDS)
        await runner.hand_back()
        message = f"the result of a job was refused with HTTP {runner.rejected}"
        return End(exit_code=4, reason="Error", cause="UploadRejected", message=message, jobs=tuple(runner.lost))

    async def _hand_back(self, runner: PlayedRunner) -> End:
        count = await runner.hand_back()
        cause = "DrainDeadline" if self._deleted else "AbortOrdered"
        message = f"{cause}: {count} jobs handed back, 0 left for the server's watchdog"
        return End(exit_code=5, reason="Error", cause=cause, message=message, jobs=tuple(runner.lost))

    def _order(self) -> Order:
        word = self.pod["metadata"].get("annotations", {}).get(ANNOTATION_DRAIN, "")
        deadline = self.pod["metadata"].get("deletionTimestamp")
        late = deadline is not None and _seconds_until(deadline) <= _ABORT_MARGIN_SECONDS
        if word == "abort" or late:
            return Order.ABORT
        return Order.DRAIN if word or self._deleted else Order.NONE

    async def _tell_readiness(self, script: Script, *, draining: bool) -> None:
        true = not script.never_ready and not draining
        ready = true if self._ready is None else self._ready
        if ready != self._told_ready:
            await self._tell(pod_status.running(self.pod, since=self._began, ready=ready))
            self._told_ready = ready

    async def _tell(self, status: Json) -> None:
        await self._retrying(lambda: self._api.set_status(self.pod, status))

    async def _retrying(self, call: Callable[[], Awaitable[None]]) -> None:
        """Until the API server has taken it, as a kubelet does."""
        while True:
            try:
                await call()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Raises: Gone: the pod went before."""
        while not condition():
            await self._wait(None)

    async def _wait(self, seconds: float | None) -> None:
        """For news, or for so long. Raises: Gone."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()
        if self._gone:
            raise Gone(self.name)


def _seconds_until(moment: str) -> float:
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()
