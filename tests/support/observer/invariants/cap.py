"""I1: pods that may take work never exceed `maxReplicas`, plus `maxSurge` while a rollout runs; not for one event.

All that are unfinished, draining ones too, never exceed twice `maxReplicas` plus `maxSurge`. What raises a number above
its bound is the violation: a bound that is lowered under what is there is obeyed by draining, which takes its time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from support.observer import objects
from support.observer.records import Change, History, Invariant, Json, Kind, Version, Violation

# A create may be under way when a lower bound is written.
_LOWERED_SECONDS = 10.0


@dataclass(slots=True)
class _Pool:
    bounds: list[tuple[float, int, int]] = field(default_factory=list)  # since when, maxReplicas, maxSurge
    pods: dict[str, Json] = field(default_factory=dict)

    def bound(self, at: float) -> tuple[int, int]:
        """The highest bounds of the last seconds."""
        old = [bound for bound in self.bounds if bound[0] <= at - _LOWERED_SECONDS][-1:]
        recent = [bound for bound in self.bounds if at - _LOWERED_SECONDS < bound[0] <= at]
        valid = (old + recent) or self.bounds[:1]
        return max(replicas for _, replicas, _ in valid), max(surge for _, _, surge in valid)


def check(history: History) -> list[Violation]:
    pools: dict[str, _Pool] = {}
    found: list[Violation] = []
    for version in history.versions:
        if version.kind is Kind.POOL:
            _take_bounds(pools.setdefault(version.uid, _Pool()), version)
        elif version.kind is Kind.POD:
            pool = pools.setdefault(objects.pool_of(version.body), _Pool())
            before = list(pool.pods.values())
            if version.change is Change.DELETED:
                pool.pods.pop(version.uid, None)
            else:
                pool.pods[version.uid] = version.body
            found += _judged(pool, before, version)
    return found


def _take_bounds(pool: _Pool, version: Version) -> None:
    surge = objects.number(version.body, "rollout", "maxSurge", default=1)
    bounds = (objects.number(version.body, "scaling", "maxReplicas", default=1), surge)
    if not pool.bounds or pool.bounds[-1][1:] != bounds:
        pool.bounds.append((version.at, *bounds))


def _judged(pool: _Pool, before: list[Json], version: Version) -> Iterable[Violation]:
    if not pool.bounds or version.listed:
        return
    replicas, surge = pool.bound(version.at)
    takers = [pod for pod in pool.pods.values() if objects.may_take_work(pod)]
    rolling = len({_made_from(pod) for pod in takers}) > 1
    allowed = replicas + (surge if rolling else 0)
    if len(takers) > allowed and len(takers) > sum(objects.may_take_work(pod) for pod in before):
        yield _violation(version, f"{len(takers)} pods may take work, {allowed} are allowed")
    unfinished = [pod for pod in pool.pods.values() if not objects.finished(pod)]
    most = 2 * replicas + surge
    if len(unfinished) > most and len(unfinished) > sum(not objects.finished(pod) for pod in before):
        yield _violation(version, f"{len(unfinished)} pods are unfinished, {most} are allowed")


def _made_from(pod: Json) -> tuple[str, ...]:
    """Pods of other settings, of another release's build, or changed by hand, are to be replaced."""
    marks = (objects.annotation(pod, mark) for mark in (objects.TEMPLATE_HASH, objects.BUILD_HASH))
    images = (container.get("image", "") for container in pod["spec"].get("containers") or ())
    return (*map(str, marks), *images)


def _violation(version: Version, what: str) -> Violation:
    return Violation(invariant=Invariant.CAP, since=version.at, at=version.at, what=f"with pod {version.name}, {what}")
