"""Which of several pods that might go is the first."""

from collections import Counter
from collections.abc import Collection, Iterable

from runnerpool.planning.census import Census
from runnerpool.planning.snapshot import PodStage, RunnerPod


def by_rank(census: Census, pods: Iterable[RunnerPod], *, sooner: Collection[str] = ()) -> list[RunnerPod]:
    """Unready first; then those in `sooner`; then those on the emptiest nodes, so that nodes come free; then by name.

    Args:
        census: Whose unfinished pods fill the nodes.
        pods: Whom to rank.
        sooner: Names of pods that go before others that are as useful.
    """
    load = Counter(pod.node for pod in census.unfinished)

    def rank(pod: RunnerPod) -> tuple[int, bool, int, str, str]:
        usefulness = 0 if pod.never_ran else 1 if pod.stage is PodStage.STARTING else 2
        return (usefulness, pod.name not in sooner, load[pod.node], pod.node, pod.name)

    return sorted(pods, key=rank)
