"""Every name that two places must agree on: group, labels, annotations, pod names, the contract with the agent."""

import re

GROUP = "runnerpool.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "TranscodingRunnerPool"
PLURAL = "transcodingrunnerpools"

FINALIZER = f"{GROUP}/drain"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "runnerpool"
LABEL_POOL = f"{GROUP}/pool"

ANNOTATION_DRAIN = f"{GROUP}/drain"
"""The order to the agent, read from a downward-API file. Any text: drain; `abort`: hand the jobs back now."""
ANNOTATION_DRAIN_SINCE = f"{GROUP}/drain-since"
"""When the drain was ordered, RFC 3339: what `drainTimeoutSeconds` counts from, whatever restarts meanwhile."""
ANNOTATION_ABORT_SINCE = f"{GROUP}/abort-since"
"""When the drain was turned into an abort, or an abort was ordered outright."""
ANNOTATION_DRAIN_REASON = f"{GROUP}/drain-reason"
"""Why the operator gave the order, in a word of the list of reasons."""
ANNOTATION_OVERRIDE = f"{GROUP}/override"
"""On a pool, by hand: a number of pods for a while (`runnerpool.api.override`)."""
ANNOTATION_TEMPLATE_HASH = f"{GROUP}/template-hash"
"""Fingerprint of what the pool's author asked for when the pod was made: if it changes, a rollout replaces the pod."""
ANNOTATION_BUILD_HASH = f"{GROUP}/build-hash"
"""Fingerprint of all that went into the pod, the operator's own part too: if that alone changes, idle pods go."""
BUSY_MARKS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
"""A starting or busy pod is not for node autoscalers to move."""
IDLE_MARKS = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true", "karpenter.sh/do-not-disrupt": "false"}
"""An idle one is: its emptyDir alone would hold the node otherwise."""
DRAIN_ORDER = "drain"
ABORT_ORDER = "abort"

SCHEDULING_GATE = f"{GROUP}/registration"
"""Holds a pod back until its runner is registered and its Secret is there."""

AGENT_API_VERSION = "agent.runnerpool.dev/v1"
AGENT_CONFIG_KEY = "agent.json"
AGENT_PORT = 8080
RUNNER_CONTAINER = "runner"

MAX_POOL_NAME_LENGTH = 40
_UID_LENGTH = 5


def since_annotation(order: str) -> str:
    """Where the time of an order stands."""
    return ANNOTATION_ABORT_SINCE if order == ABORT_ORDER else ANNOTATION_DRAIN_SINCE


def pod_name(pool: str, uid: str, ordinal: int) -> str:
    """Name of the pod, and of its runner and its Secret: `<pool>-<first 5 of the pool's UID>-<ordinal>`.

    The UID keeps the same pool name in two clusters on one server, or made again after a restore, from colliding.
    """
    return f"{pool}-{uid[:_UID_LENGTH]}-{ordinal}"


def pod_ordinal(name: str, pool: str, uid: str) -> int | None:
    """The ordinal in a name made by `pod_name`; None for any other name."""
    match = re.fullmatch(rf"{re.escape(pool)}-{re.escape(uid[:_UID_LENGTH])}-(\d{{1,9}})", name)
    return int(match[1]) if match else None
