"""I3: while the queue is unknown, no pod is told to go, none that could run is deleted, the target does not fall."""

import math
from collections.abc import Iterator
from itertools import pairwise

from support.observer import objects
from support.observer.orders import operator_orders
from support.observer.records import Change, History, Invariant, Json, Kind, Span, Version, Violation

# The pass that can read the queue again acts first and tells of it afterwards.
_ACTS_BEFORE_TELLING_SECONDS = 5.0


def check(history: History) -> list[Violation]:
    found: list[Violation] = []
    for uid in {version.uid for version in history.of(Kind.POOL)}:
        versions = [version for version in history.of(Kind.POOL) if version.uid == uid]
        for span in _unknown(versions):
            found += [*_removals(history, versions, span), *_falls(history, versions, span)]
    return found


def _unknown(versions: list[Version]) -> Iterator[Span]:
    """From the version that says so up to the one that takes it back."""
    begin: float | None = None
    for version in versions:
        status = objects.condition(version.body, "QueueReachable").get("status")
        if status in {"False", "Unknown"} and version.change is not Change.DELETED:
            begin = version.at if begin is None else begin
        elif begin is not None:
            yield Span(begin=begin, end=version.at - _ACTS_BEFORE_TELLING_SECONDS)
            begin = None
    if begin is not None:
        yield Span(begin=begin, end=math.inf)


def _removals(history: History, versions: list[Version], span: Span) -> Iterator[Violation]:
    uid = versions[0].uid
    for order in operator_orders(history):
        told = span.overlaps(order.at, order.at) and not order.before and objects.pool_of(order.pod) == uid
        if told and not _asked_to_go(versions, order.at):
            yield _violation(order.at, f"pod {order.name} was told to {order.text} while the queue was unknown")
    pods = {version.name: version.body for version in history.of(Kind.POD) if objects.pool_of(version.body) == uid}
    for call in history.by_operator():
        deleted = call.verb == "delete" and call.resource == "pods" and not call.failed
        while_unknown = span.overlaps(call.at, call.at) and not _asked_to_go(versions, call.at)
        if deleted and while_unknown and _could_run(pods.get(call.name)):
            yield _violation(call.at, f"pod {call.name} was deleted while the queue was unknown")


def _could_run(pod: Json | None) -> bool:
    return pod is not None and not objects.finished(pod) and not objects.gated(pod)


def _asked_to_go(versions: list[Version], at: float) -> bool:
    """The pool itself was being deleted, or its author had asked for a drain."""
    before = [version.body for version in versions if version.at <= at] or [versions[0].body]
    return objects.going(before[-1]) or before[-1]["spec"].get("mode") == "Drain"


def _falls(history: History, versions: list[Version], span: Span) -> Iterator[Violation]:
    inside = [version for version in versions if span.overlaps(version.at, version.at)]
    for earlier, later in pairwise(inside):
        before, after = (version.body.get("status", {}).get("desiredReplicas") for version in (earlier, later))
        # A target goes with the spec that it was made from; a deletion, too, is a new generation.
        answered_to = (body.get("status", {}).get("observedGeneration") for body in (earlier.body, later.body))
        unasked = next(answered_to) == next(answered_to)
        # What is there stays: of pods that somebody else has ended, there is less.
        if unasked and before is not None and after is not None and after < min(before, _takers(history, later)):
            yield _violation(later.at, f"the target of pool {later.name} fell from {before} to {after} with no reading")


def _takers(history: History, pool: Version) -> int:
    """The pool's pods that could take work just before a version of it was written."""
    pods = {version.uid: version for version in history.of(Kind.POD) if version.number < pool.number}
    present = (version.body for version in pods.values() if version.change is not Change.DELETED)
    return sum(objects.may_take_work(pod) for pod in present if objects.pool_of(pod) == pool.uid)


def _violation(at: float, what: str) -> Violation:
    return Violation(invariant=Invariant.UNKNOWN_IS_NOT_ZERO, since=at, at=at, what=what)
