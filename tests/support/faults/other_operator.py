"""Somebody else's operator of our resource: kopf as it is unless told otherwise, so finalizer and annotations too.

Run by `kopf run`; not imported.
"""

import kopf

POOLS = ("runnerpool.dev", "v1alpha1", "transcodingrunnerpools")


@kopf.on.create(*POOLS)
@kopf.on.update(*POOLS)
@kopf.on.delete(*POOLS)
def take_note(**_: object) -> None:
    """Only so that kopf does its bookkeeping."""
