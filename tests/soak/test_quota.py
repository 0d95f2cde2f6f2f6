from pathlib import Path

import pytest

from support.faults.quota import SOAK_SECONDS, play_quota_of_none
from support.faults.shared_cluster import start_for
from support.faults.staging import StageOrder, fault_stage
from support.reliability.case import Case
from support.soak.record import recorded


@pytest.mark.timeout(1200)
def test_a_quota_of_0_pods_for_5_minutes_registers_no_runner(
    pytestconfig: pytest.Config, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case = Case()
    cluster = start_for(pytestconfig)
    with recorded(request.node.name) as record, fault_stage(cluster, tmp_path, StageOrder()) as stage:
        case.watch(stage.observer, stage.namespace)
        found = play_quota_of_none(stage, case, seconds=SOAK_SECONDS)
        record.figures.update(
            {
                "seconds with a quota of 0 pods": int(SOAK_SECONDS),
                "pods asked for in vain": found.tries,
                "runners registered meanwhile": found.registered,
            }
        )
        assert found.registered == 0
