"""What everything that the operator makes has in common."""

from typing import Any

from runnerpool.api import names
from runnerpool.api.pool import Pool


def labels(pool: Pool) -> dict[str, str]:
    """The labels by which people and the operator find the things of a pool."""
    return {
        "app.kubernetes.io/name": "peertube-runner",
        "app.kubernetes.io/component": "runner",
        "app.kubernetes.io/part-of": "runnerpool",
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_POOL: pool.name,
    }


def owner_reference(*, api_version: str, kind: str, name: str, uid: str) -> dict[str, Any]:
    """The one controller of an object.

    It does not block its owner's deletion: the finalizer does that, and blocking would need more rights in clusters
    that enforce them.
    """
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
