"""The operator as a plain process beside a cluster, under rights of its own."""

import os
import random
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.cluster.processes import ProcessIdentity, identify, start, stop
from support.observer.records import Text, text_of
from support.stage.errors import StageError
from support.stage.forking import the_zygote
from support.stage.waiting import until

RUNNER_IMAGE = "localhost/none:1"
LOOPBACK = "127.0.0.1"
INSTALLED = (str(Path(sys.executable).with_name("runnerpool")),)
_START_SECONDS = 60.0
_GRACE_SECONDS = 10.0
_TAIL_CHARACTERS = 2000
# Below those that Linux gives to outgoing connections (from 32768), and those of local clusters (from 20000).
_PORTS = range(10_000, 20_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrder:
    """How the operator is started.

    Attributes:
        kubeconfig: its way to the API server, and its rights; None: that of a pod, which `prefix` has to bring.
        directory: for its logs, one a run.
        namespaces: those that it watches; none means all.
        options: more options of `runnerpool run`, by their names without dashes.
        prefix: what stands before the command, such as `env NAME=VALUE`.
        program: the command, such as `INSTALLED`. Without it and a prefix, the operator is a fork of a process that
            has imported it, which is the same to all but a clock: it costs a tenth.
    """

    kubeconfig: Path | None
    directory: Path
    namespaces: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    program: tuple[str, ...] = ()

    @property
    def command(self) -> tuple[str, ...]:
        """The command without its arguments; empty for a fork."""
        return (*self.prefix, *(self.program or INSTALLED)) if self.prefix or self.program else ()

    def with_options(self, options: Mapping[str, object]) -> "OperatorOrder":
        """The same with these options instead, or besides."""
        return replace(self, options={**self.options, **options})


class OperatorProcess:
    """Started, killed, frozen and started again; every run has a log of its own."""

    def __init__(self, order: OperatorOrder) -> None:
        self.order = order
        self.runs = 0
        self._process: ProcessIdentity | None = None
        self._metrics_port = free_port()
        self._health_port = free_port()

    @property
    def process(self) -> ProcessIdentity:
        """The process of the last run.

        Raises:
            StageError: it was never started.
        """
        if self._process is None:
            raise StageError("the operator was not started yet; call `start`")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    def start(self, *, ready_within: float | None = _START_SECONDS) -> None:
        """Start it and wait until it is ready; None does not wait.

        Raises:
            StageError: it runs already, it ended at once, or it did not become ready.
        """
        if self.alive:
            raise StageError("the operator runs already; `stop` or `kill` it first")
        self.runs += 1
        self._process = self._started(self.log(self.runs))
        if ready_within is not None:
            until(self._ready, "a ready operator", seconds=ready_within, evidence=self.last_log)

    def stop(self) -> bool:
        """SIGTERM and wait; True if it ended by itself within 10 s."""
        return stop(self._process, grace_seconds=_GRACE_SECONDS) if self._process is not None else True

    def kill(self) -> None:
        """SIGKILL and wait. Must be called by the thread that started it; any other sends `signal(SIGKILL)`."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            stop(self._process, grace_seconds=_GRACE_SECONDS)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal and don't wait: SIGSTOP and SIGCONT freeze and thaw it."""
        if self.alive:
            os.kill(self.pid, number)

    def probe(self, path: str) -> int:
        """The status of `/healthz` or `/readyz`; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self._health_port}{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self._metrics_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def log(self, run: int) -> Path:
        return self.order.directory / f"operator-{run}.log"

    def logs(self) -> list[Path]:
        """The logs of all runs, oldest first."""
        return [self.log(run) for run in range(1, self.runs + 1)]

    def last_log(self) -> str:
        """The end of the last run's log."""
        return self.log(self.runs).read_text(errors="replace")[-_TAIL_CHARACTERS:]

    def texts(self) -> list[Text]:
        """Where a secret could stand that only its starter knows of: all its logs, and its metrics while it runs."""
        metrics = [Text(place="the operator's metrics", content=self.metrics().encode())] if self.alive else []
        return [*(text_of(log) for log in self.logs()), *metrics]

    def _ready(self) -> bool:
        if not self.alive:
            raise StageError(f"the operator ended at once: {self.last_log()}")
        return self.probe("/readyz") == 200

    def _started(self, log: Path) -> ProcessIdentity:
        if not self.order.command:
            return identify("operator", the_zygote().fork(self._arguments(), log))
        return start("operator", [*self.order.command, *self._arguments()], log=log, outlives_starter=False)

    def _arguments(self) -> list[str]:
        options = {
            "runner-image": RUNNER_IMAGE,
            "poll-period-seconds": 1,
            "metrics-port": self._metrics_port,
            "health-port": self._health_port,
            **({} if self.order.kubeconfig is None else {"kubeconfig": self.order.kubeconfig}),
            **self.order.options,
        }
        named = [_option(name, value) for name, value in options.items()]
        return ["run", *named, *(f"--namespace={namespace}" for namespace in self.order.namespaces)]


def _option(name: str, value: object) -> str:
    """As the command line takes it; a switch is True or False."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"


def free_port() -> int:
    """A port of loopback that nobody listens on, and that no outgoing connection takes before its server starts."""
    for port in random.sample(_PORTS, k=len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise StageError(f"no port from {_PORTS.start} to {_PORTS.stop - 1} is free; see what listens there: ss -ltn")
