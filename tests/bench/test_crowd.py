"""What one operator costs that serves 200 pools of 25 pods each: memory, and the length of its passes.

KWOK plays the pods: ready at once, without a runner. Nobody observes: an observer keeps every version of every object,
and would share the processor with what is measured.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.faults.own_plane import own_cluster
from support.faults.process_usage import MIB, cpu_seconds, resident_bytes
from support.faults.stage import FaultStage, is_ready
from support.faults.staging import StageOrder, fault_stage
from support.reliability.case import Case
from support.stage.operator_process import INSTALLED
from support.stage.operatorlog import complaints_of
from support.stage.samples import total

POOLS, PODS_A_POOL = 200, 25

_NODES = 3
_MADE_SECONDS = 1800.0
_MEASURED_SECONDS = 120.0
_MOST_BYTES = 256 * MIB
# Two are allowed; the histogram has a bound at one.
_LONGEST_PASS_SECONDS = 1.0
_SHARE = 0.99
_REPLACED = 50

pytestmark = [pytest.mark.bench, pytest.mark.timeout(_MADE_SECONDS + 600)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[FaultStage]:
    order = StageOrder(
        operator={"poll-period-seconds": 5},
        program=INSTALLED,
        clock_divisor=1,
        observed=False,
        proxied=False,
        played=False,
    )
    with own_cluster(_NODES) as cluster, fault_stage(cluster, tmp_path, order) as made:
        yield made
        logs = made.operator.logs()
    assert complaints_of(logs, made.canaries) == []


@pytest.mark.soak(only=True)
@pytest.mark.fault("R23")
def test_200_pools_with_5000_pods_are_served_by_256_mib_and_passes_of_2_seconds(
    stage: FaultStage, case: Case, counted: dict[str, int]
) -> None:
    begin = time.monotonic()
    stage.pools(
        [f"pool-{number}" for number in range(POOLS)],
        scaling={"minReplicas": PODS_A_POOL, "maxReplicas": PODS_A_POOL},
        podTemplate={"labels": {"played-by": "kwok"}},
    )
    stage.until(lambda: ready_pods(stage) == POOLS * PODS_A_POOL, "all pods ready", within=_MADE_SECONDS)
    made = time.monotonic() - begin
    peak_of_growth = resident_bytes(stage.operator.pid)

    before, spent, begin = stage.operator.metrics(), cpu_seconds(stage.operator.pid), time.monotonic()
    lost = stage.pod_names(is_ready)[:_REPLACED]
    stage.kubectl("delete", "pod", *lost, "--force", "--grace-period=0")
    peak = 0
    while time.monotonic() < begin + _MEASURED_SECONDS:
        peak = max(peak, resident_bytes(stage.operator.pid))
        time.sleep(1)
    after, lasted = stage.operator.metrics(), time.monotonic() - begin
    spent = cpu_seconds(stage.operator.pid) - spent
    quick = share_of_quick_passes(before, after)
    case.told(
        f"{peak / MIB:.0f} MiB, {peak_of_growth / MIB:.0f} MiB at the end of the growth; {spent / lasted:.0%} of a "
        f"core; {quick:.2%} of passes within {_LONGEST_PASS_SECONDS:g} s; all pods made in {made:.0f} s",
        made,
    )
    counted |= {"pods": POOLS * PODS_A_POOL, "passes": int(passes(after) - passes(before))}
    print(case.reason, counted)
    assert ready_pods(stage) == POOLS * PODS_A_POOL
    assert total(after, "runnerpool_passes_total", result="error") == 0
    assert max(peak, peak_of_growth) <= _MOST_BYTES
    assert quick >= _SHARE


def ready_pods(stage: FaultStage) -> int:
    """As the operator tells."""
    pools = stage.reader.items(f"/apis/runnerpool.dev/v1alpha1/namespaces/{stage.namespace}/transcodingrunnerpools")
    return sum((pool.get("status") or {}).get("readyReplicas", 0) for pool in pools)


def passes(metrics: str) -> float:
    return total(metrics, "runnerpool_pass_duration_seconds_count")


def share_of_quick_passes(before: str, after: str) -> float:
    """Of the passes between two looks, those that were no longer than is allowed."""
    name, bound = "runnerpool_pass_duration_seconds_bucket", f"{_LONGEST_PASS_SECONDS}"
    quick = total(after, name, le=bound) - total(before, name, le=bound)
    return quick / (passes(after) - passes(before))
