"""How soon there is a real API server to test on, when nothing else runs."""

import pytest

from support.stage.shared_plane import SharedPlane

_SECONDS = 10.0

pytestmark = pytest.mark.bench


def test_a_control_plane_stands_within_ten_seconds(plane: SharedPlane) -> None:
    print(f"a control plane stands after {plane.seconds:.1f} s")
    assert plane.seconds < _SECONDS
