"""Operators as forks of one process that has imported it: what `support.stage.zygote` does, from the other side."""

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from support.stage.errors import StageError

_TESTS = Path(__file__).parents[2]
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """One operator to start; a line of JSON on the way.

    Attributes:
        arguments: of the `runnerpool` command.
        environment: all of it.
        log: where its output goes.
    """

    arguments: list[str]
    environment: dict[str, str]
    log: str

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        return cls(**json.loads(line))


class Zygote:
    """The process; it ends with the one that made it, however that ends, and its forks with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.stage.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(_TESTS)},
            text=True,
            start_new_session=True,
        )

    def fork(self, arguments: Sequence[str], log: Path) -> int:
        """Start an operator in this process's environment; its process ID.

        Raises:
            StageError: the zygote has ended; what it said is among the test's output.
        """
        orders, answers = self._process.stdin, self._process.stdout
        assert orders is not None
        assert answers is not None
        log.parent.mkdir(parents=True, exist_ok=True)
        birth = Birth(arguments=list(arguments), environment=dict(os.environ), log=str(log))
        orders.write(birth.line())
        orders.flush()
        answer = answers.readline()
        if not answer:
            raise StageError("the process that forks operators has ended; see the output for the cause")
        return int(answer)

    def end(self) -> None:
        self._process.communicate(timeout=_END_SECONDS)


@functools.cache
def the_zygote() -> Zygote:
    """This process's one; the first who asks waits for the imports."""
    zygote = Zygote()
    atexit.register(zygote.end)
    return zygote
