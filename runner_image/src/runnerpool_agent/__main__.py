"""`runnerpool-agent`: PID 1 of a runner pod. Paths only by arguments; everything else, secrets above all, by file."""

import argparse
import asyncio
import logging
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

_early_signals: list[int] = []


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the agent and exit with the contract's code (docs/reference/agent.md)."""
    # PID 1 loses a SIGTERM for which it has no handler, and a pod gets only one: catch it before the slow imports.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _: _early_signals.append(caught))
    options = _parse(arguments)
    from runnerpool_agent.run import run  # noqa: PLC0415 - see above

    code = asyncio.run(run(options, _early_signals))
    logging.shutdown()
    sys.exit(code)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="runnerpool-agent", description="Starts, watches and drains peertube-runner.")
    parser.add_argument("--config", type=Path, default=Path("/etc/runnerpool/agent.json"), help="the configuration")
    parser.add_argument("--podinfo", type=Path, default=Path("/etc/podinfo"), help="folder of the file 'drain'")
    parser.add_argument("--scratch", type=Path, default=Path("/scratch"), help="writable folder for the runner")
    parser.add_argument("--port", type=int, default=8080, help="port of probes and metrics (0: any free one)")
    parser.add_argument("--runner-command", type=shlex.split, default=["peertube-runner"], help="how to run the runner")
    parser.add_argument(
        "--termination-log", type=Path, default=Path("/dev/termination-log"), help="file of the termination message"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
