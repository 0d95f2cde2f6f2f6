"""How soon there is a real API server to test on, when nothing else runs."""

import time

import pytest

from support.cluster.local import LocalCluster

_SECONDS = 10.0

pytestmark = pytest.mark.bench


def test_a_control_plane_stands_within_ten_seconds() -> None:
    cluster = LocalCluster()
    try:
        begin = time.monotonic()
        cluster.up()
        seconds = time.monotonic() - begin
    finally:
        cluster.down()

    print(f"a control plane stands after {seconds:.1f} s")
    assert seconds < _SECONDS
