"""Progress lines with elapsed seconds: what takes long says what it does."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.cluster.errors import ClusterError

HEARTBEAT_SECONDS = 15.0
TAIL_LINES = 25

_started = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _started:7.1f} s] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say `text` now and, when the block has ended well, how long it took."""
    begin = time.monotonic()
    say(f"{text} ...")
    yield
    say(f"{text}: done in {time.monotonic() - begin:.1f} s")


def run_with_progress(
    text: str,
    command: Sequence[str],
    *,
    log: Path,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a long command with its output in `log`, and a sign of life every few seconds.

    Raises:
        ClusterError: the command failed; the message ends with the last lines of its output.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with step(text), log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while True:
                try:
                    status = process.wait(HEARTBEAT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"{text}: still at it after {time.monotonic() - begin:.0f} s")
        except BaseException:
            process.kill()
            process.wait()
            raise
        if status != 0:
            raise ClusterError(f"{text} failed (exit {status}); {' '.join(command)} wrote in {log}:\n{tail(log)}")


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
