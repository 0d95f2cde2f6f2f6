"""Tells the outcome of a pass: status (only what changed), events (only on transitions), metrics."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from runnerpool.api.conditions import Condition, ConditionType, merge_conditions
from runnerpool.api.identity import PoolIdentity
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError
from runnerpool.cluster.events import pool_event
from runnerpool.control.conditions import PassOutcome, conditions_of
from runnerpool.control.ports import Clock, Cluster, PoolKey, Recorder
from runnerpool.planning.plan import Drain, Plan, Reserve
from runnerpool.planning.status import status_of

_log = logging.getLogger(__name__)


class _News(NamedTuple):
    kind: Literal["Normal", "Warning"]
    reason: Reason
    message: str


class Reporter:
    """Reports on one pool."""

    def __init__(self, key: PoolKey, *, cluster: Cluster, clock: Clock, recorder: Recorder) -> None:
        self._key = key
        self._cluster = cluster
        self._clock = clock
        self._recorder = recorder

    async def report(self, outcome: PassOutcome, body: Mapping[str, Any]) -> None:
        """Write what differs from the status in `body`, the pool as it was read at the start of the pass."""
        snapshot, plan = outcome.snapshot, outcome.plan
        pool, status = PoolIdentity.of(body), body.get("status") or {}
        self._recorder.planned(snapshot, plan)
        conditions = conditions_of(outcome)
        self._recorder.conditions_found(self._key, conditions)
        wanted = status_of(snapshot, plan, conditions, status)
        await self._write(pool, wanted, status)
        await self._tell(pool, _transition(status, conditions))
        await self._tell(pool, _decisions(plan))

    async def report_conditions(self, conditions: Sequence[Condition], body: Mapping[str, Any]) -> None:
        """The same for a pass that came to no plan."""
        pool, status = PoolIdentity.of(body), body.get("status") or {}
        self._recorder.conditions_found(self._key, conditions)
        merged = merge_conditions(status.get("conditions") or (), conditions, self._clock.now(), pool.generation)
        await self._write(pool, {"conditions": merged}, status)
        await self._tell(pool, _transition(status, conditions))

    async def _write(self, pool: PoolIdentity, wanted: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        changed = {name: value for name, value in wanted.items() if status.get(name) != value}
        if changed:
            await self._cluster.patch_status(pool, changed)

    async def _tell(self, pool: PoolIdentity, news: Sequence[_News]) -> None:
        for kind, reason, message in news:
            level = logging.WARNING if kind == "Warning" else logging.INFO
            _log.log(level, "%s: %s (%s)", self._key, message, reason)
            try:
                await self._cluster.post_event(
                    pool.namespace, pool_event(pool, kind, reason, message, self._clock.now())
                )
            except ClusterError as error:
                _log.warning("%s: an event could not be posted: %s", self._key, error.message)


def _transition(status: Mapping[str, Any], conditions: Sequence[Condition]) -> list[_News]:
    """The summary turned bad, is bad for another reason, or is good again. A first "good" is no news."""
    ready = next(condition for condition in conditions if condition.type is ConditionType.READY)
    known = (old for old in status.get("conditions") or () if old["type"] == ConditionType.READY)
    before: Mapping[str, Any] = next(known, {})
    if ready.status is False and (before.get("status") != "False" or before.get("reason") != ready.reason):
        return [_News("Warning", ready.reason, ready.message)]
    if ready.status is True and before.get("status") == "False":
        return [_News("Normal", Reason.ALL_WELL, "the pool works again")]
    return []


def _decisions(plan: Plan) -> list[_News]:
    """Scaling, up and down: one event a pass, however many pods it is about."""
    news = [_News("Normal", step.reason, step.message) for step in plan.steps if isinstance(step, Reserve)]
    drains = [step for step in plan.steps if isinstance(step, Drain)]
    by_reason = {step.reason: step for step in drains}
    for reason, step in by_reason.items():
        pods = sorted(other.pod for other in drains if other.reason is reason)
        news.append(_News("Normal", reason, f"{step.message} ({', '.join(pods)})" if len(pods) > 1 else step.message))
    return news
