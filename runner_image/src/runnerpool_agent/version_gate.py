"""Only a runner that can drain and list its jobs is started."""

import asyncio
import re
from collections.abc import Mapping, Sequence

MINIMUM = (0, 1, 0)
"""The first release with both IPC calls that the agent rests on: `graceful-shutdown` and `list-jobs`."""
_TIMEOUT_SECONDS = 30


class UnsupportedRunnerError(Exception):
    """There is no runner, or none that the agent can work with."""


async def runner_version(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Ask the runner for its version.

    Returns:
        The version, at least 0.1.0.

    Raises:
        UnsupportedRunnerError: It can't be run, says no version, or is too old.
    """
    name = command[0]
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            answer = await _ask(command, environment)
    except TimeoutError:
        raise UnsupportedRunnerError(f"{name} --version did not answer within {_TIMEOUT_SECONDS} s") from None
    except OSError as error:
        raise UnsupportedRunnerError(
            f"{name} cannot be run ({error.strerror}): the image must hold the npm package @peertube/peertube-runner"
        ) from error
    return check(name, answer)


def check(name: str, answer: str) -> str:
    """Judge what `--version` printed; raises as `runner_version` does."""
    match = re.search(r"(\d+)\.(\d+)\.(\d+)\S*", answer)
    if match is None:
        raise UnsupportedRunnerError(f"{name} --version named no version: is it PeerTube's runner?")
    if tuple(int(part) for part in match.groups()) < MINIMUM:
        minimum = ".".join(map(str, MINIMUM))
        raise UnsupportedRunnerError(
            f"{name} is version {match[0]}, which cannot drain; the agent needs {minimum} or newer: "
            "build the image with a newer RUNNER_VERSION"
        )
    return match[0]


async def _ask(command: Sequence[str], environment: Mapping[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        "--version",
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        # Again, to the end of its output: a pipe left open would outlive the event loop.
        await process.communicate()
        raise
    return output.decode(errors="replace")
