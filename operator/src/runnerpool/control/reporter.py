"""Tells the outcome of a pass: status (only what changed), events (only on transitions), metrics."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from runnerpool.api.conditions import Condition, ConditionType, merge_conditions
from runnerpool.api.identity import PoolIdentity
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import ClusterError
from runnerpool.cluster.events import pool_event
from runnerpool.control.actor import carried_out
from runnerpool.control.conditions import PassOutcome, conditions_of
from runnerpool.control.ports import Clock, Cluster, PoolKey, Recorder
from runnerpool.planning.plan import Drain, RemoveFinalizer, Reserve, Stop
from runnerpool.planning.status import status_of

_log = logging.getLogger(__name__)

_WORTH_A_WARNING = frozenset({Reason.ROLLOUT_STALLED, Reason.OVERRIDE_EXPIRED, Reason.OVERRIDE_INVALID})


class News(NamedTuple):
    """An event to be."""

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

    async def report(
        self,
        outcome: PassOutcome,
        body: Mapping[str, Any],
        *,
        more: Mapping[str, Any] | None = None,
        news: Sequence[News] = (),
    ) -> None:
        """Write what differs from the status in `body`, the pool as it was read at the start of the pass.

        Args:
            outcome: What the pass came to.
            body: The pool.
            more: Further fields of the status; None in place of a value removes it.
            news: Events to post besides those that the outcome makes.
        """
        snapshot, plan = outcome.snapshot, outcome.plan
        pool, status = PoolIdentity.of(body), body.get("status") or {}
        self._recorder.planned(snapshot, plan)
        conditions = conditions_of(outcome)
        self._recorder.conditions_found(self._key, conditions)
        wanted = status_of(snapshot, plan, conditions, status, outcome.failures)
        await self._write(pool, wanted | dict(more or {}), status)
        await self._tell(pool, _transitions(status, conditions))
        await self._tell(pool, _decisions(outcome))
        await self._tell(pool, news)

    async def report_conditions(self, conditions: Sequence[Condition], body: Mapping[str, Any]) -> None:
        """The same for a pass that came to no plan."""
        pool, status = PoolIdentity.of(body), body.get("status") or {}
        self._recorder.conditions_found(self._key, conditions)
        merged = merge_conditions(status.get("conditions") or (), conditions, self._clock.now(), pool.generation)
        await self._write(pool, {"conditions": merged}, status)
        await self._tell(pool, _transitions(status, conditions))

    async def report_parting(self, steps: Sequence[RemoveFinalizer], body: Mapping[str, Any]) -> None:
        """Warn of what the pool leaves behind, if it does, before it goes."""
        left = [step for step in steps if step.reason is Reason.RUNNERS_LEFT_BEHIND]
        await self._tell(PoolIdentity.of(body), [News("Warning", step.reason, step.message) for step in left])

    async def _write(self, pool: PoolIdentity, wanted: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        changed = {name: value for name, value in wanted.items() if status.get(name) != value}
        if changed:
            await self._cluster.patch_status(pool, changed)

    async def _tell(self, pool: PoolIdentity, news: Sequence[News]) -> None:
        for kind, reason, message in news:
            level = logging.WARNING if kind == "Warning" else logging.INFO
            _log.log(level, "%s: %s (%s)", self._key, message, reason)
            try:
                await self._cluster.post_event(
                    pool.namespace, pool_event(pool, kind, reason, message, self._clock.now())
                )
            except ClusterError as error:
                _log.warning("%s: an event could not be posted: %s", self._key, error.message)


def _transitions(status: Mapping[str, Any], conditions: Sequence[Condition]) -> list[News]:
    """A condition that people should act upon turned bad, or is bad for another reason; or the summary is good again.

    A first "good" is no news.
    """
    before = {old["type"]: old for old in status.get("conditions") or ()}
    news = []
    for condition in conditions:
        old = before.get(condition.type, {})
        if _calls_for_action(condition) and (old.get("status") != "False" or old.get("reason") != condition.reason):
            news.append(News("Warning", condition.reason, condition.message))
        elif condition.type is ConditionType.READY and condition.status is True and old.get("status") == "False":
            news.append(News("Normal", Reason.ALL_WELL, "the pool works again"))
    told = {entry.reason: entry for entry in reversed(news)}
    return [entry for entry in news if told[entry.reason] is entry]


def _calls_for_action(condition: Condition) -> bool:
    if condition.status is not False:
        return False
    return (
        condition.type in {ConditionType.READY, ConditionType.JOB_TYPES_SERVED} or condition.reason in _WORTH_A_WARNING
    )


def _decisions(outcome: PassOutcome) -> list[News]:
    """Scaling, as far as it was done: one event a pass, however many pods it is about. And each pod deleted alive."""
    done = carried_out(outcome.plan.steps, outcome.troubles)
    news = [News("Normal", step.reason, step.message) for step in done if isinstance(step, Reserve)]
    drains = [step for step in done if isinstance(step, Drain)]
    by_reason = {step.reason: step for step in drains}
    for reason, step in by_reason.items():
        pods = sorted(other.pod for other in drains if other.reason is reason)
        news.append(News("Normal", reason, f"{step.message} ({', '.join(pods)})" if len(pods) > 1 else step.message))
    ignored = [step for step in done if isinstance(step, Stop) and step.reason is Reason.ABORT_IGNORED]
    return news + [News("Warning", step.reason, step.message) for step in ignored]
