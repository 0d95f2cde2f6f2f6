"""I7: the number of pods is what the queue asks for, 60 s after the last disturbance at the latest.

What the queue asks for is worked out here from the server's own journal. The operator's word for it counts only in that
an unknown queue asks for nothing. Pools that share their server with others are not judged: who of them is to serve a
job is the operator's to say.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from support.observer import objects
from support.observer.jobs import COMPLETING, PENDING, PROCESSING, WAITING_FOR_PARENT
from support.observer.records import Change, History, Invariant, JobStep, Json, Kind, Span, Version, Violation

GOAL_SECONDS = 60.0


@dataclass(slots=True)
class _World:
    """One pool, its pods and the jobs of its server, at one moment."""

    pool: Json | None = None
    pods: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, JobStep] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)

    def take(self, news: Version | JobStep) -> None:
        if isinstance(news, JobStep):
            self._take_step(news)
        elif news.kind is Kind.POOL:
            self.pool = None if news.change is Change.DELETED else news.body
        elif news.change is Change.DELETED:
            self.pods.pop(news.uid, None)
        else:
            self.pods[news.uid] = news.body

    def _take_step(self, step: JobStep) -> None:
        self.jobs[step.job] = step
        if step.after == PROCESSING and step.runner:
            self.holders[step.job] = step.runner
        elif step.after != COMPLETING:
            self.holders.pop(step.job, None)

    @property
    def takers(self) -> list[Json]:
        return [pod for pod in self.pods.values() if objects.may_take_work(pod)]

    def wanted(self, pool: Json, *states: int) -> int:
        """Pods for the jobs that are in one of the states or in the hand of a pod that may take work."""
        types = set(pool["spec"].get("jobTypes") or ())
        names = {pod["metadata"]["name"] for pod in self.takers}
        jobs = [step for step in self.jobs.values() if step.type in types and step.after in states]
        held = [holder for holder in self.holders.values() if holder in names]
        concurrency = objects.number(pool, "runner", "concurrency", default=1)
        return math.ceil((len(jobs) + len(held)) / concurrency)


def _too_few(world: _World) -> bool:
    pool = _judged(world.pool)
    if pool is None:
        return False
    known = objects.condition(pool, "QueueReachable").get("status") == "True"
    most = objects.number(pool, "scaling", "maxReplicas", default=1)
    least = objects.number(pool, "scaling", "minReplicas", default=0)
    return len(world.takers) < max(least, min(most, world.wanted(pool, PENDING)) if known else 0)


def _too_many(world: _World) -> bool:
    pool = _judged(world.pool)
    if pool is None or objects.condition(pool, "QueueReachable").get("status") != "True":
        return False
    spare = math.ceil(
        objects.number(pool, "scaling", "idleSlots", default=0)
        / objects.number(pool, "runner", "concurrency", default=1)
    )
    least = objects.number(pool, "scaling", "minReplicas", default=0)
    ready = sum(objects.ready(pod) for pod in world.takers)
    return ready > max(least, world.wanted(pool, PENDING, WAITING_FOR_PARENT) + spare)


def _judged(pool: Json | None) -> Json | None:
    """The pool, if its number of pods follows from the queue alone."""
    if pool is None or objects.going(pool) or objects.annotation(pool, objects.OVERRIDE):
        return None
    return pool if pool["spec"].get("mode", "Active") == "Active" else None


def check(history: History) -> list[Violation]:
    pools = {version.uid: version for version in history.of(Kind.POOL)}
    if len(pools) != 1 or not history.sole or not history.samples:
        return []
    (pool,) = pools.values()
    patience = GOAL_SECONDS + objects.number(pool.body, "scaling", "idleSeconds", default=0)
    return [
        *_lasting(history, _too_few, GOAL_SECONDS, f"pool {pool.name} had fewer pods than its queue asks for"),
        *_lasting(history, _too_many, patience, f"pool {pool.name} had more pods than its queue asks for"),
    ]


def _lasting(history: History, wrong: Callable[[_World], bool], patience: float, what: str) -> Iterator[Violation]:
    for span in _spans(history, wrong):
        for free in history.free_spans(Invariant.BACK_TO_GOAL):
            begin, end = max(span.begin, free.begin), min(span.end, free.end)
            if end - begin > patience:
                lasted = f"{what} for {end - begin:.0f} s"
                yield Violation(invariant=Invariant.BACK_TO_GOAL, since=begin, at=end, what=lasted)


def _spans(history: History, wrong: Callable[[_World], bool]) -> Iterator[Span]:
    """The stretches in which it was wrong all the time."""
    world, since = _World(), None
    seen: list[Version | JobStep] = [version for version in history.versions if version.kind in {Kind.POD, Kind.POOL}]
    for news in sorted([*seen, *history.steps], key=lambda news: news.at):
        world.take(news)
        if not wrong(world):
            if since is not None:
                yield Span(begin=since, end=news.at)
            since = None
        elif since is None:
            since = news.at
    if since is not None:
        # What came after the last look at the server, nobody knows.
        yield Span(begin=since, end=min(history.end, history.samples[-1].at))
