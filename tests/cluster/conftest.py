from pathlib import Path

import pytest

from support.cluster.backends import ClusterBackend
from support.stage.rights import operator_kubeconfig as install_rights


@pytest.fixture(scope="session")
def operator_kubeconfig(control_plane: ClusterBackend) -> Path:
    """The rights that the chart gives to the operator, and no others; the CRD is installed with them."""
    return install_rights(control_plane)
