"""What an operator costs that has nothing to do: ten pools on two servers, measured by kernel, servers and proxy.

For 40 seconds; in the soak for five minutes. On a crowded processor the same work takes more of its time, so nothing
runs beside but what waits as well.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.background import Background
from support.cluster.local import LocalCluster
from support.faults.api_request import WRITES
from support.faults.process_usage import MIB, cpu_seconds, resident_bytes
from support.faults.server import PeerTubeHere, peertube_here
from support.faults.stage import FaultStage
from support.faults.staging import StageOrder, fault_stage
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.operator_process import INSTALLED

SECONDS = 300.0 if SOAKING else 40.0

pytestmark = [pytest.mark.bench, pytest.mark.timeout(SECONDS + 240)]

_POOLS_A_SERVER = 5
_MOST_BYTES = 120 * MIB
_MOST_CPU = 0.02
_OTHER_SECRET = "peertube-other"
# What came before is at rest: finalizers, first status, first readings.
_SETTLED_SECONDS = 15.0


@pytest.fixture
def stage(control_plane: LocalCluster, tmp_path: Path) -> Iterator[FaultStage]:
    order = StageOrder(operator={"poll-period-seconds": 5}, program=INSTALLED, clock_divisor=1)
    with fault_stage(control_plane, tmp_path, order) as made:
        yield made


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[PeerTubeHere]:
    with Background() as background, peertube_here(background, tmp_path / "other", clock_divisor=1) as server:
        yield server


def make_pools(stage: FaultStage, other: PeerTubeHere) -> list[str]:
    """Five on the stage's own server, five on another."""
    login = {"url": other.url, "username": "root", "password": other.password}
    stage.secret_found_nowhere(other.password)
    stage.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _OTHER_SECRET}, "stringData": login})
    elsewhere = {"url": other.url, "credentialsRef": {"name": _OTHER_SECRET}}
    here = [stage.pool(f"here-{number}") for number in range(_POOLS_A_SERVER)]
    there = [stage.pool(f"there-{number}", server=elsewhere) for number in range(_POOLS_A_SERVER)]
    for name in [*here, *there]:
        stage.wait_condition("Ready", status="True", pool=name, within=45)
    return [*here, *there]


@pytest.mark.soak
@pytest.mark.fault("cost")
def test_ten_idle_pools_on_two_servers_cost_little_memory_little_time_few_requests_and_no_write(
    stage: FaultStage, other_server: PeerTubeHere, case: Case
) -> None:
    pools = make_pools(stage, other_server)
    time.sleep(_SETTLED_SECONDS)
    # Per minute and server: a look each 5 s, and what a full reading a minute takes.
    stage.observer.calls_a_minute = 60

    began, begin, spent, asked = time.time(), time.monotonic(), cpu_seconds(stage.operator.pid), len(stage.api.requests)
    peak = 0
    with stage.observer.steady():
        while time.monotonic() < begin + SECONDS:
            peak = max(peak, resident_bytes(stage.operator.pid))
            time.sleep(1)
    lasted, spent = time.monotonic() - begin, cpu_seconds(stage.operator.pid) - spent
    requests = stage.api.requests[asked:]
    arrived = [server.client.statistics().arrived(began) for server in (stage.server, other_server)]

    calls = Counter(f"{request.asked.verb} {request.asked.target}" for request in requests)
    a_minute = {call: round(count / len(pools) / lasted * 60, 1) for call, count in calls.items()}
    case.told(
        f"{peak / MIB:.0f} MiB; {spent / lasted:.1%} of a core; {max(arrived) / lasted:.2f} requests/s to a server; "
        f"for each pool and minute {', '.join(f'{count:g} {call}' for call, count in a_minute.items())}",
        lasted,
    )
    assert [str(request.asked) for request in requests if WRITES.fits(request.asked)] == []
    assert max(arrived) / lasted <= 1
    assert peak <= _MOST_BYTES
    assert spent / lasted <= _MOST_CPU
