"""Runs the stand-in runner, or a program with its command line, for a test, with a home of its own."""

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 120.0
"""FFmpeg runs at the lowest priority, so on a machine that is busy otherwise the smallest encode takes its time."""
_COLOUR = re.compile(r"\x1b\[\d+m")


@contextmanager
def new_home(program: Path, **switches: str) -> Iterator["Home"]:
    """A home that goes away again; switches are STAND_IN_… variables."""
    with tempfile.TemporaryDirectory(prefix="runner-") as name:
        yield Home(program=program, directory=Path(name), switches=switches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where one runner keeps its settings, its socket and its work.

    Attributes:
        program: the `peertube-runner` to run.
        directory: an empty directory with a short path: a socket's path holds 107 bytes at most.
        switches: STAND_IN_… variables.
    """

    program: Path
    directory: Path
    switches: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.directory / "config" / "peertube-runner-nodejs" / "default" / "config.toml"

    @property
    def socket(self) -> Path:
        return self.directory / "data" / "peertube-runner-nodejs" / "default" / "peertube-runner.sock"

    @property
    def transcoding(self) -> Path:
        return self.directory / "cache" / "peertube-runner-nodejs" / "default" / "transcoding"

    @property
    def environment(self) -> dict[str, str]:
        places = {f"XDG_{name.upper()}_HOME": str(self.directory / name) for name in ("config", "data", "cache")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STAND_IN_")}
        return {**inherited, **places, **self.switches}

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Runs a short command; returns its exit code and all that it printed, without colours."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, _COLOUR.sub("", output.decode())


class RunningServer:
    """The `server` command while it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._changed = asyncio.Condition()
        self.lines: list[str] = []

    @property
    def pid(self) -> int:
        return self._process.pid

    async def read(self) -> None:
        """Collects the log until the process closes it."""
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            async with self._changed:
                self.lines.append(raw.decode().rstrip("\n"))
                self._changed.notify_all()

    async def wait_for_line(self, text: str, times: int = 1) -> None:
        """Waits until `text` stands in so many lines of the log."""

        def there() -> bool:
            return sum(text in line for line in self.lines) >= times

        await self._wait(there, f"{times} times '{text}'")

    async def _wait(self, predicate: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(predicate)
        except TimeoutError:
            log = "\n".join(self.lines)
            raise AssertionError(f"no {what} in the runner's log within {seconds:.0f} s; the log:\n{log}") from None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def exit_code(self) -> int:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()


@asynccontextmanager
async def running_server(home: Home, *arguments: str) -> AsyncIterator[RunningServer]:
    """Runs `peertube-runner server …`; what is left of it at the end is killed."""
    process = await asyncio.create_subprocess_exec(
        home.program,
        "server",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=home.environment,
        limit=1 << 20,
    )
    server = RunningServer(process)
    reading = asyncio.create_task(server.read())
    try:
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        # FFmpeg outlives the runner, and might hold nothing of its log; the log ends with the runner.
        await reading
