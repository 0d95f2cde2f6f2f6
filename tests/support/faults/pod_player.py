"""Plays the lives of a namespace's runner pods on a control plane without a kubelet.

The real scheduler gives ungated pods a node, one of those that KWOK keeps alive. Everything after that is told here by
status patches and not by KWOK's stages, for one reason: what a runner pod does next depends on the jobs in its hand,
which a stage cannot see. Each pod's runner takes real jobs from the pool's server with the token from the pod's Secret.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import aiohttp

from support.background import Background
from support.faults.pod_api import PodApi
from support.faults.pod_life import PodLife
from support.faults.pod_status import End, Json
from support.faults.script import HEALTHY, Script

_RUNNER_PODS = ("app.kubernetes.io/managed-by", "runnerpool")
_RETRY_SECONDS = 0.3


class PodPlayer:
    """Methods are for the test's thread; the pods live in the background.

    Attributes:
        script: of pods that have none of their own; a pod reads it when it starts, `job_seconds` for each job.
        scripts: by pod's name.
    """

    def __init__(self, background: Background, *, url: str, context: ssl.SSLContext, namespace: str) -> None:
        self.script = HEALTHY
        self.scripts: dict[str, Script] = {}
        self._background = background
        self._lives: dict[str, PodLife] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        background.enter(self._playing(url, context, namespace))

    def holding(self) -> Mapping[str, list[str]]:
        """UUIDs of the jobs in each pod's hand; pods without one are left out."""

        async def look() -> dict[str, list[str]]:
            held = {life.name: list(life.runner.jobs) for life in self._lives.values() if life.runner}
            return {name: jobs for name, jobs in held.items() if jobs}

        return self._background.call(look())

    def finish(self, pod: str | None = None) -> None:
        """Complete the jobs in hand now; of one pod or of all."""

        async def finish() -> None:
            for life in self._lives.values():
                if life.runner is not None and pod in (None, life.name):
                    life.runner.finish()

        self._background.call(finish())

    def crash(self, pod: str, *, exit_code: int = 4, reason: str = "Error") -> None:
        """End a running pod now, its jobs lost."""
        self._background.call(self._tell(pod, lambda life: life.crash(End(exit_code=exit_code, reason=reason))))

    def hang(self, pod: str) -> None:
        """What an agent does about a runner that stands still: its jobs go back, and the pod ends."""
        self._background.call(self._tell(pod, lambda life: life.hang()))

    def evict(self, pod: str) -> None:
        """What node pressure does to a running pod: killed without grace, its jobs lost."""
        end = End(exit_code=137, reason="Evicted", message="The node was low on resource: memory.")
        self._background.call(self._tell(pod, lambda life: life.crash(end)))

    def set_ready(self, pod: str, *, ready: bool | None) -> None:
        """What a pod's probe says from now on; None: what is true."""
        self._background.call(self._tell(pod, lambda life: life.set_ready(ready=ready)))

    def silence(self, pod: str) -> None:
        """Nothing more is heard of a pod, as when its node is lost; its status stays as it is."""

        async def silence() -> None:
            (uid,) = [uid for uid, life in self._lives.items() if life.name == pod]
            self._tasks[uid].cancel()

        self._background.call(silence())

    async def _tell(self, pod: str, tell: Callable[[PodLife], None]) -> None:
        for life in self._lives.values():
            if life.name == pod:
                tell(life)

    @asynccontextmanager
    async def _playing(self, url: str, context: ssl.SSLContext, namespace: str) -> AsyncIterator[None]:
        api = PodApi(url, context, namespace)
        following = asyncio.create_task(self._follow(api), name=f"pods of {namespace}")
        try:
            yield
        finally:
            tasks = [following, *self._tasks.values()]
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            await api.close()
            faults = [end for end in ends if end is not None and not isinstance(end, asyncio.CancelledError)]
            if faults:
                raise RuntimeError(f"playing the pods of {namespace} failed") from faults[0]

    async def _follow(self, api: PodApi) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                pods, version = await api.list()
                self._compare(api, pods)
                async for kind, pod in api.watch(version):
                    self._hear(api, pod, gone=kind == "DELETED")
            await asyncio.sleep(_RETRY_SECONDS)

    def _compare(self, api: PodApi, pods: list[Json]) -> None:
        present = {pod["metadata"]["uid"] for pod in pods}
        for uid, life in self._lives.items():
            if uid not in present:
                life.heard(None)
        for pod in pods:
            self._hear(api, pod, gone=False)

    def _hear(self, api: PodApi, pod: Json, *, gone: bool) -> None:
        label, value = _RUNNER_PODS
        if pod["metadata"].get("labels", {}).get(label) != value:
            return
        uid = pod["metadata"]["uid"]
        if uid in self._lives:
            self._lives[uid].heard(None if gone else pod)
        elif not gone:
            name = pod["metadata"]["name"]
            life = self._lives[uid] = PodLife(api, pod, lambda: self.scripts.get(name, self.script))
            self._tasks[uid] = asyncio.create_task(life.play(), name=f"pod {name}")
