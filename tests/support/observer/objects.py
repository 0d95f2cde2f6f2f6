"""What the observer reads in pods and pools. Nothing is taken from the operator: a shared mistake would hide itself."""

from support.observer.records import Json

DRAIN = "runnerpool.dev/drain"
DRAIN_SINCE = "runnerpool.dev/drain-since"
TEMPLATE_HASH = "runnerpool.dev/template-hash"
BUILD_HASH = "runnerpool.dev/build-hash"
OVERRIDE = "runnerpool.dev/override"
ABORT = "abort"
_POOL = "TranscodingRunnerPool"
_ENDED = frozenset({"Succeeded", "Failed"})


def finished(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in _ENDED


def going(thing: Json) -> bool:
    """It is being deleted."""
    return "deletionTimestamp" in thing["metadata"]


def annotation(thing: Json, name: str) -> str:
    return str(thing["metadata"].get("annotations", {}).get(name, ""))


def may_take_work(pod: Json) -> bool:
    return not finished(pod) and not going(pod) and not annotation(pod, DRAIN)


def ran(pod: Json) -> bool:
    """One of its containers has started."""
    status = pod.get("status", {})
    states = [container.get("state", {}) for container in status.get("containerStatuses") or ()]
    return status.get("phase") == "Running" or any("running" in state or "terminated" in state for state in states)


def gated(pod: Json) -> bool:
    return bool(pod["spec"].get("schedulingGates"))


def ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def pool_of(pod: Json) -> str:
    """UID of the pool that controls the pod; empty if none does."""
    owners = pod["metadata"].get("ownerReferences") or ()
    uids = (str(owner["uid"]) for owner in owners if owner.get("controller") and owner["kind"] == _POOL)
    return next(uids, "")


def condition(pool: Json, kind: str) -> Json:
    """A condition of the pool; empty if it has none of the kind."""
    conditions = pool.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def shows(pool: Json, reason: str) -> bool:
    """One of its conditions tells the reason, about the spec as it is."""
    generation = pool["metadata"].get("generation", 0)
    conditions = pool.get("status", {}).get("conditions") or ()
    return any(
        one["reason"] == reason and one.get("observedGeneration", generation) == generation for one in conditions
    )


def manager_of_drain(pod: Json) -> str:
    """Who wrote the drain order, by the API server's field management: the beginning of the writer's user agent."""
    for entry in pod["metadata"].get("managedFields") or ():
        annotations = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
        if f"f:{DRAIN}" in annotations:
            return str(entry.get("manager", ""))
    return ""


def number(pool: Json, *path: str, default: int) -> int:
    """A number in the pool's spec."""
    found: object = pool["spec"]
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return default if found is None else int(str(found))
