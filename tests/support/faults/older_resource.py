"""Our CRD as an earlier release might have had it: without the newest fields, and with a bound that was looser."""

import json
from copy import deepcopy
from typing import Any

from support.crd import crd

LOOSER = 10
"""How many times longer pods might be idle."""

# What came last to spec.lifecycle, spec and status.
_NEW_IN_LIFECYCLE = ("startupDeadlineSeconds", "unreadyToleranceSeconds", "deafToleranceSeconds")
_NEW_IN_SPEC = ("repair",)
_NEW_IN_STATUS = ("unhealthyReplicas", "failures", "suspectJobs", "stuckJobs", "lostWork")


def older_resource() -> str:
    """The manifest, as JSON."""
    document = deepcopy(dict(crd()))
    schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    spec, status = schema["spec"]["properties"], schema["status"]["properties"]
    _forget(spec["lifecycle"]["properties"], _NEW_IN_LIFECYCLE)
    _forget(spec, _NEW_IN_SPEC)
    _forget(status, _NEW_IN_STATUS)
    spec["scaling"]["properties"]["idleSeconds"]["maximum"] *= LOOSER
    return json.dumps(document)


def _forget(properties: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        del properties[name]
