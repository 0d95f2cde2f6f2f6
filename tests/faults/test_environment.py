"""What the operator's own surroundings say, and what it makes of that."""

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from support.faults.stage import FaultStage
from support.reliability.case import Case
from support.stage.operator_process import LOOPBACK
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture
def nobodys_proxy() -> Iterator[socket.socket]:
    """It takes connections and answers nothing."""
    with socket.create_server((LOOPBACK, 0)) as listening:
        yield listening


@pytest.mark.fault("R82")
def test_a_proxy_that_the_environment_names_is_asked_for_neither_the_api_server_nor_the_queue(
    faults: FaultStage, case: Case, nobodys_proxy: socket.socket
) -> None:
    faults.operator.stop()
    url = f"http://{LOOPBACK}:{nobodys_proxy.getsockname()[1]}"
    named = ("env", "--unset=NO_PROXY", "--unset=no_proxy", *(f"{name}={url}" for name in _PROXIES))
    faults.operator.order = replace(faults.operator.order, prefix=named)

    begin = time.monotonic()
    faults.operator.start()
    faults.pool()
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: faults.server.client.statistics().completed == 1, "a job served", within=45)
    case.healed(time.monotonic() - begin)

    connected, _, _ = select.select([nobodys_proxy], [], [], 0)
    assert connected == []
