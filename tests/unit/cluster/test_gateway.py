from typing import Any, cast

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import Refused
from runnerpool.cluster.gateway import ClusterGateway


class Answering:
    """An API server with one answer."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self._answer = answer

    async def call(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/api/v1/namespaces/media")
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        ({"metadata": {"name": "media", "deletionTimestamp": "2026-11-30T09:00:00Z"}}, True),
        ({"metadata": {"name": "media"}}, False),
        (Refused(Reason.FORBIDDEN, "get namespace media is forbidden"), False),
    ],
)
async def test_a_namespace_ends_if_it_is_told_so(answer: dict[str, Any] | Exception, *, ends: bool) -> None:
    gateway = ClusterGateway(cast("KubeApi", Answering(answer)))
    assert await gateway.namespace_ends("media") is ends
