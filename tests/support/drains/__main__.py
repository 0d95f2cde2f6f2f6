"""`PYTHONPATH=tests python -m support.drains SEED [SEED …] [--times N] [--side-by-side N]`: plays rounds again."""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from support.drains.ground import prepare
from support.drains.outcome import Totals
from support.drains.play import play_all

SIDE_BY_SIDE = 4


def main() -> int:
    """0, or 1 if a round went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=_seeds, nargs="+", metavar="SEED", help="a seed, or FIRST-LAST")
    parser.add_argument("--times", type=int, default=1, help="how often each is played")
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE)
    options = parser.parse_args()
    seeds = [seed for given in options.seeds for seed in given] * options.times
    started = time.monotonic()
    totals = asyncio.run(_play(seeds, options.side_by_side))
    figures = ("accepts", "in_flight", "aborts", "reclaims", "orphans")
    told = ", ".join(f"{totals.sum(name)} {name.replace('_', ' ')}" for name in figures)
    print(f"{len(seeds)} rounds of {totals.pods} pods in {time.monotonic() - started:.0f} s: {told}")
    print(totals.complaint())
    return 1 if totals.failed else 0


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


async def _play(seeds: list[int], side_by_side: int) -> Totals:
    with tempfile.TemporaryDirectory(prefix="ground-") as name:
        return await play_all(seeds, await prepare(Path(name)), side_by_side=side_by_side)


if __name__ == "__main__":
    sys.exit(main())
