"""Conditions of a pool, after the Kubernetes API conventions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time

MAX_MESSAGE_LENGTH = 1024
"""Bound of every message in the status, by the CRD."""


@unique
class ConditionType(StrEnum):
    """What conditions there are, in the order in which they are shown."""

    READY = "Ready"
    """The summary: the pool does what its spec says."""
    SPEC_VALID = "SpecValid"
    QUEUE_REACHABLE = "QueueReachable"
    CREDENTIALS_VALID = "CredentialsValid"
    JOB_TYPES_SERVED = "JobTypesServed"
    """The server hands out jobs of the pool's types, and no others, to the pool's runners."""
    RUNNERS_HEALTHY = "RunnersHealthy"
    SCALING_LIMITED = "ScalingLimited"
    """The pool would have another number of pods, but something keeps it from it."""
    PROGRESSING = "Progressing"
    """Pods are starting, draining or being replaced."""
    OVERRIDDEN = "Overridden"
    """A person has fixed the number of pods for a while."""
    DRAINED = "Drained"
    """Mode Drain: no pod and no job in hand is left. What an administrator waits for before an upgrade of PeerTube."""


_ORDER = {kind: position for position, kind in enumerate(ConditionType)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition as a pass finds it. `status` None means unknown. `message` is for people, and holds no secret."""

    type: ConditionType
    status: bool | None
    reason: Reason
    message: str


def merge_conditions(
    previous: Iterable[Mapping[str, Any]], current: Iterable[Condition], now: datetime, generation: int
) -> list[dict[str, Any]]:
    """`status.conditions` after a pass.

    `lastTransitionTime` stays while the status does. Conditions that this pass did not judge stay as they are. The
    order is fixed, so that an unchanged status is an equal one.
    """
    merged: dict[str, dict[str, Any]] = {str(condition["type"]): dict(condition) for condition in previous}
    for condition in current:
        before = merged.get(condition.type, {})
        status = _STATUS[condition.status]
        unchanged = before.get("status") == status and "lastTransitionTime" in before
        merged[condition.type] = {
            "type": str(condition.type),
            "status": status,
            "observedGeneration": generation,
            "lastTransitionTime": before["lastTransitionTime"] if unchanged else format_time(now),
            "reason": str(condition.reason),
            "message": shorten(condition.message),
        }
    return sorted(merged.values(), key=_position)


def shorten(message: str) -> str:
    """A message within the CRD's bound."""
    return message if len(message) <= MAX_MESSAGE_LENGTH else message[: MAX_MESSAGE_LENGTH - 1] + "…"


_STATUS = {True: "True", False: "False", None: "Unknown"}


def _position(condition: Mapping[str, Any]) -> tuple[int, str]:
    kind = str(condition["type"])
    return (_ORDER[ConditionType(kind)] if kind in _ORDER else len(_ORDER), kind)
