import os
from pathlib import Path

import pytest

from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.processes import wait_until
from support.prometheus.debian import programs
from support.stage.pools import POOL_KIND
from support.stage.rights import operator_kubeconfig as install_rights


@pytest.fixture(scope="session")
def _chart(control_plane: ClusterBackend) -> Path:
    """The chart, once for all tests on this cluster: the CRD and the operator's rights."""
    return install_rights(control_plane)


@pytest.fixture(scope="session")
def resource(control_plane: ClusterBackend, _chart: Path) -> None:
    """The CRD, as the chart brings it; the chart's copy is held to the original."""
    wait_until(
        lambda: control_plane.kubectl("get", POOL_KIND, check=False).returncode == 0,
        "the new resource",
        timeout_seconds=15,
    )


@pytest.fixture(scope="session")
def operator_kubeconfig(_chart: Path) -> Path:
    """The rights that the chart gives to the operator, and no others; the CRD is installed with them."""
    return _chart


@pytest.fixture(scope="session")
def debians_prometheus() -> None:
    """Prometheus and promtool can be had here; where not, CI fails."""
    try:
        programs()
    except ClusterError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
