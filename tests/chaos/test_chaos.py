"""`make chaos`: random faults over a pool on the real node, in real time, drawn from a seed.

CHAOS_MINUTES says how long (10; in the soak 30), CHAOS_SEED which night. At the end every job that came is done, no
invariant was broken, nothing is left, and the operator's memory has not grown.
"""

import os
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import pytest

from support.chaos import blows
from support.chaos.blows import Ground, Kind
from support.chaos.schedule import Blow, Pace, draw
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.faults.process_usage import MIB, resident_bytes
from support.observer.observer import Observer
from support.observer.records import Invariant
from support.soak.switch import SOAKING
from support.stage.errors import StageError
from support.stage.operator import NAMESPACE
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site

MINUTES = float(os.environ.get("CHAOS_MINUTES", "30" if SOAKING else "10"))
SEED = int(os.environ.get("CHAOS_SEED", "20261130"))
SECONDS = MINUTES * 60
PACE = Pace(pause=(8.0, 25.0), lasts=(10.0, 75.0))
JOB_EVERY_SECONDS, JOB_SECONDS = 12.0, 20
# The server's watchdog takes up to 150 s for a job whose pod was killed, and that may happen to it again at the end.
DONE_WITHIN_SECONDS = 600.0
SETTLED_SECONDS = 60.0
LONGEST_BACK_OFF_SECONDS = 330
MOST_GROWTH_PERCENT = 10
_TICK_SECONDS = 0.5
_SAMPLE_SECONDS = 5.0

pytestmark = [pytest.mark.e2e, pytest.mark.soak, pytest.mark.timeout(SECONDS + DONE_WITHIN_SECONDS + 660)]


def test_no_job_is_lost_and_no_invariant_broken_whatever_befalls_a_pool_for_a_while(
    here: Site, observer: Observer, counted: dict[str, int]
) -> None:
    if not isinstance(here.cluster, LocalCluster):
        pytest.skip("the faults reach into the local cluster's node")
    observer.suspend(
        Invariant.BACK_TO_GOAL, Invariant.HONEST_STATUS, Invariant.NO_SPIN, because="one fault follows the other"
    )
    here.create_pool(job_types=(WEB_VIDEO,), max_replicas=3, env={"STAND_IN_READ_RATE": "1"})
    night = Night(Ground(site=here, cluster=here.cluster, observer=observer))
    night.live_through(programme(SEED, SECONDS))
    jobs = night.await_done()
    lost = [job for job in night.jobs if here.steps(job).count("completed") == 0]
    counted |= {f"minutes, seed {SEED}": round(MINUTES), "jobs": len(night.jobs), "lost jobs": len(lost)}
    counted |= {f"times {kind}": count for kind, count in sorted(night.hit.items())}
    counted |= {"MiB of the operator at the end": night.last_bytes // MIB, "percent that it has grown": night.growth}
    print(*(f"{figure:6} {what}" for what, figure in counted.items()), sep="\n")
    assert jobs == []
    assert lost == []
    assert here.server.client.statistics().orphans == ()
    assert night.growth <= MOST_GROWTH_PERCENT
    await_operator(here)
    # Not by a drain alone: of the pods that failed, two would stay for their logs.
    here.kubectl("delete", "trp/vod", "--wait=false")
    here.await_nothing_left(seconds=120)


def await_operator(site: Site) -> None:
    """After many deaths within a short time the kubelet keeps a container waiting, in the end for five minutes."""
    site.cluster.kubectl(
        "wait",
        "deployment",
        "--all",
        f"--namespace={NAMESPACE}",
        "--for=condition=Available",
        f"--timeout={LONGEST_BACK_OFF_SECONDS}s",
    )


def programme(seed: int, seconds: float) -> list[Blow[Kind]]:
    """The operator is killed in the first third alone, so that one of its lives is long enough to see it grow."""
    first = draw(seed, list(Kind), seconds / 3, PACE)
    others: list[Kind] = [kind for kind in Kind if kind is not Kind.OPERATOR_KILLED]
    later = draw(seed + 1, others, seconds * 2 / 3, PACE)
    return [*first, *(replace(blow, at=blow.at + seconds / 3) for blow in later)]


class Night:
    """The run: what came, what it hit, and how much memory the operator took."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.jobs: list[str] = []
        self.hit: Counter[str] = Counter()
        self._samples: dict[int, list[tuple[float, int]]] = {}
        self._begin = time.monotonic()

    def live_through(self, programme: list[Blow[Kind]]) -> None:
        """Let the faults come, each for its time, while jobs come, too."""
        self._begin, sampled = time.monotonic(), 0.0
        waiting, lasting = list(programme), list[tuple[float, ExitStack]]()
        with ExitStack() as stack:
            while (now := time.monotonic() - self._begin) < SECONDS:
                while waiting and waiting[0].at <= now:
                    blow, own = waiting.pop(0), stack.enter_context(ExitStack())
                    self._strike(blow, own)
                    lasting.append((blows.end_of(blow), own))
                for entry in [entry for entry in lasting if entry[0] <= now]:
                    lasting.remove(entry)
                    entry[1].close()
                if len(self.jobs) * JOB_EVERY_SECONDS <= now:
                    self.jobs += self.ground.site.enqueue(1, seconds=JOB_SECONDS)
                if now - sampled >= _SAMPLE_SECONDS:
                    sampled = now
                    self._sample()
                time.sleep(_TICK_SECONDS)

    def _strike(self, blow: Blow[Kind], own: ExitStack) -> None:
        try:
            hit = blows.make(self.ground, blow, own)
        except (ClusterError, StageError, KeyError) as gone:
            # The victim went between being chosen and being hit.
            print(f"{blow.at:6.1f} s: {blow.kind}: missed: {gone}")
            return
        self.hit[blow.kind] += hit
        print(f"{blow.at:6.1f} s: {blow.kind}" + ("" if hit else ": nobody was there"))

    def await_done(self) -> list[str]:
        """The jobs that are still open when their time is up."""
        deadline = time.monotonic() + DONE_WITHIN_SECONDS
        while (left := self.ground.site.server.open_jobs()) and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
        self._sample()
        return [job["uuid"] for job in left]

    def _sample(self) -> None:
        at = time.monotonic() - self._begin
        for process in self.ground.operator():
            try:
                self._samples.setdefault(process.pid, []).append((at, resident_bytes(process.pid)))
            except (FileNotFoundError, ValueError):
                continue  # it has just been killed

    @property
    def last_bytes(self) -> int:
        return self._longest()[-1][1]

    @property
    def growth(self) -> int:
        """Of the operator's longest life, from when it had settled, in percent."""
        life = self._longest()
        settled = [size for at, size in life if at - life[0][0] >= SETTLED_SECONDS] or [life[-1][1]]
        return round(100 * (settled[-1] - settled[0]) / settled[0])

    def _longest(self) -> list[tuple[float, int]]:
        return max(self._samples.values(), key=len)
