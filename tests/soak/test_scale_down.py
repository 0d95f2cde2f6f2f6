import os
from pathlib import Path

import pytest

from support.drains.ground import prepare
from support.drains.play import play_all

# Other seeds than those that tests/contract/test_drain_race.py plays each time.
FIRST_SEED, ROUNDS = 10_001, 1_000
# A round waits more than it works.
SIDE_BY_SIDE = 2 * (os.cpu_count() or 1)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
async def test_no_job_is_aborted_reclaimed_or_orphaned_by_scale_down_against_arriving_jobs(
    tmp_path: Path, counted: dict[str, int]
) -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + ROUNDS)
    ground = await prepare(tmp_path)
    totals = await play_all(seeds, ground, side_by_side=SIDE_BY_SIDE)
    counted |= {
        f"rounds (seeds {seeds[0]} to {seeds[-1]})": len(totals.outcomes),
        "pods drained": totals.pods,
        "jobs accepted": totals.sum("accepts"),
        "jobs completed": totals.sum("completed"),
        "orders while a claim was under way": totals.sum("in_flight"),
        "aborts": totals.sum("aborts"),
        "reclaims": totals.sum("reclaims"),
        "orphans": totals.sum("orphans"),
    }
    assert not totals.failed, totals.complaint()
