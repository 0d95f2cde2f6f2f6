"""Kubernetes Events about a pool: what `kubectl describe trp` ends with."""

from datetime import datetime
from typing import Any, Literal

from runnerpool.api import names
from runnerpool.api.identity import PoolIdentity
from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time

# The API server refuses longer ones (core/v1 validation).
_MAX_MESSAGE_LENGTH = 1024


def pool_event(
    pool: PoolIdentity, kind: Literal["Normal", "Warning"], reason: Reason, message: str, now: datetime
) -> dict[str, Any]:
    """The Event's manifest. `kind` Warning is for what a person should act on; its message tells the remedy."""
    moment = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{pool.name}.", "namespace": pool.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": pool.namespace,
            "name": pool.name,
            "uid": pool.uid,
        },
        "type": kind,
        "reason": str(reason),
        "message": message[:_MAX_MESSAGE_LENGTH],
        "source": {"component": names.MANAGED_BY},
        "reportingComponent": names.MANAGED_BY,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
