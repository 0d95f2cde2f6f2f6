"""I2: the operator deletes no pod that runs, gives a reason for every drain order, and cuts none short too soon."""

import re
from collections.abc import Iterator
from datetime import datetime

from support.observer import objects
from support.observer.jobs import held_at
from support.observer.orders import Order, operator_orders
from support.observer.records import ApiCall, Change, History, Invariant, Json, Kind, Version, Violation

_REASON_WITHIN_SECONDS = 10.0
_REASON_BEFORE_SECONDS = 5.0
_CLOCK_SECONDS = 1.0  # times in annotations are whole seconds
_HEARD_SECONDS = 0.5
_REASON = re.compile(r"\(([A-Z][A-Za-z]+)\)")


def check(history: History) -> list[Violation]:
    return [*_deletions(history), *_orders_without_reason(history), *_hasty_aborts(history)]


def _deletions(history: History) -> Iterator[Violation]:
    deletes = [call for call in history.calls or () if call.verb == "delete" and call.resource == "pods"]
    for call in deletes:
        if call.user != history.operator or call.failed:
            continue
        pod = _as_deleted(history, call, deletes)
        if pod is not None and objects.ran(pod) and not objects.finished(pod):
            jobs = held_at(history, call.name, call.at)
            what = f"the operator deleted pod {call.name}, which ran, with {len(jobs)} jobs in hand"
            yield Violation(invariant=Invariant.WORK_IS_SAFE, since=call.at, at=call.at, what=what)


def _as_deleted(history: History, call: ApiCall, deletes: list[ApiCall]) -> Json | None:
    """The pod as the call found it.

    The version that a first deletion leaves shows the pod as it was then, however late it is heard here. A later one
    leaves no trace of its own, so what counts is what had been heard by then.
    """
    versions = [version for version in history.of(Kind.POD) if version.name == call.name]
    first = next(other for other in deletes if other.name == call.name and not other.failed)
    went = [version for version in versions if version.change is Change.DELETED or objects.going(version.body)]
    if first is call and not (went and _went_before(went[0].body, call)):
        return went[0].body if went else _last(versions)
    return _last([version for version in versions if version.at <= call.at + _HEARD_SECONDS])


def _went_before(pod: Json, call: ApiCall) -> bool:
    """It was going already when the call came: an eviction is no call to delete."""
    if not objects.going(pod):
        return False
    metadata = pod["metadata"]
    end = datetime.fromisoformat(metadata["deletionTimestamp"]).timestamp()
    return bool(end - metadata.get("deletionGracePeriodSeconds", 0) < call.at - 2 * _CLOCK_SECONDS)


def _last(versions: list[Version]) -> Json | None:
    return versions[-1].body if versions else None


def _orders_without_reason(history: History) -> Iterator[Violation]:
    for order in operator_orders(history):
        due = order.at + _REASON_WITHIN_SECONDS
        if history.end >= due and not _has_reason(history, order):
            what = f"pod {order.name} was told to {order.text}, and no event or log line says why"
            yield Violation(invariant=Invariant.WORK_IS_SAFE, since=order.at, at=due, what=what)


def _has_reason(history: History, order: Order) -> bool:
    for version in history.of(Kind.EVENT):
        near = order.at - _REASON_BEFORE_SECONDS <= version.at <= order.at + _REASON_WITHIN_SECONDS
        if near and version.body.get("reason") and order.name in str(version.body.get("message", "")):
            return True
    name = order.name.encode()
    logs = (text for text in history.texts if text.place.startswith("operator"))
    return any(
        name in line and _REASON.search(line.decode(errors="replace"))
        for text in logs
        for line in text.content.splitlines()
    )


def _hasty_aborts(history: History) -> Iterator[Violation]:
    for order in operator_orders(history):
        jobs = held_at(history, order.name, order.at)
        if order.text == objects.ABORT and jobs and not _abort_allowed(history, order):
            what = f"pod {order.name} was told to hand back {len(jobs)} jobs before its time to drain was over"
            yield Violation(invariant=Invariant.WORK_IS_SAFE, since=order.at, at=order.at, what=what)


def _abort_allowed(history: History, order: Order) -> bool:
    owner = objects.pool_of(order.pod)
    pools = [version for version in history.of(Kind.POOL) if version.uid == owner and version.number < order.number]
    if not pools:
        return True  # nothing is known of what it asked for
    pool = pools[-1].body
    policy = pool["spec"].get("lifecycle", {}).get("deletionPolicy")
    if objects.going(pool) and policy == "Abort":
        return True
    since = objects.annotation(order.pod, objects.DRAIN_SINCE)
    patience = objects.number(pool, "lifecycle", "drainTimeoutSeconds", default=0)
    return bool(since) and datetime.fromisoformat(since).timestamp() + patience <= order.at + _CLOCK_SECONDS
