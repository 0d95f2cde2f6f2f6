"""Pods at work, which nothing that happens to their pool is to touch."""

from collections.abc import Mapping
from dataclasses import dataclass

from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_told_to_drain
from support.stage.pools import WEB_VIDEO

_WORK_SECONDS = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Pods of a stage, each with a job in hand that ends when the test says so.

    Attributes:
        uids: of the pods, by name.
        jobs: in their hands, by the pod's name.
    """

    stage: FaultStage
    uids: Mapping[str, str]
    jobs: Mapping[str, list[str]]

    def assert_untouched(self) -> None:
        """They are the same pods with the same jobs, and none was told to go. There may be others besides."""
        pods = {pod["metadata"]["name"]: pod for pod in self.stage.pods() if pod["metadata"]["name"] in self.uids}
        assert {name: pod["metadata"]["uid"] for name, pod in pods.items()} == self.uids
        assert [name for name, pod in pods.items() if is_told_to_drain(pod) or going(pod)] == []
        assert {name: jobs for name, jobs in self.stage.player.holding().items() if name in self.uids} == self.jobs
        statistics = self.stage.server.client.statistics()
        assert (statistics.aborts, statistics.reclaims) == (0, 0)


def at_work(stage: FaultStage, count: int = 1, *, waiting: int = 0) -> Workers:
    """Have a pool bring so many pods to work, each with one job, and let more jobs wait."""
    # A job in hand is not to go back to the queue because its runner has nothing to report.
    stage.server.client.set(watchdog=False)
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO, count=count + waiting)
    jobs = stage.until(lambda: _holding(stage, count), f"{count} pods at work", within=_WORK_SECONDS)
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in stage.pods()}
    return Workers(stage=stage, uids=uids, jobs=jobs)


def going(pod: Mapping[str, Mapping[str, object]]) -> bool:
    """It is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def _holding(stage: FaultStage, count: int) -> Mapping[str, list[str]] | None:
    holding = stage.player.holding()
    return holding if len(holding) == count else None
