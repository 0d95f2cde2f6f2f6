"""What all rounds share, made once: the stand-in runner and a video."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.peertube.media import make_sample, probe
from peers.peertube.records import MediaInfo
from peers.runner.pack import install
from support.cluster.paths import cache_directory

# In the soak too: rounds are about who comes first, which stays as it is when all clocks run ten times as fast, and the
# more of them there are the better.
CLOCK_DIVISOR = 10.0
SAMPLE_SECONDS = 1.0
SAMPLE_HEIGHT = 90
_RUNNER_VERSION = "0.6.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every round stands on.

    Attributes:
        runner: The command of the stand-in runner.
        sample: A short video, and what is in it; every round takes a copy of it.
        environment: Of the agents, besides that of the test.
    """

    runner: Path
    sample: Path
    sample_info: MediaInfo
    environment: Mapping[str, str]


async def prepare(directory: Path) -> Ground:
    """Make it in a directory that outlives the rounds.

    Raises:
        RuntimeError: npm or FFmpeg is missing.
    """
    sample = directory / "sample.mp4"
    await make_sample(sample, seconds=SAMPLE_SECONDS, height=SAMPLE_HEIGHT)
    environment = {"STAND_IN_CLOCK_DIVISOR": f"{CLOCK_DIVISOR:g}"}
    return Ground(runner=_runner(directory), sample=sample, sample_info=await probe(sample), environment=environment)


def _runner(directory: Path) -> Path:
    """The stand-in, which tells its version without a start of Node: that is a sixth of what a round costs."""
    program = shlex.quote(str(install(cache_directory())))
    script = directory / "peertube-runner"
    script.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec echo {_RUNNER_VERSION}\nexec {program} "$@"\n', encoding="utf-8"
    )
    script.chmod(0o755)
    return script
