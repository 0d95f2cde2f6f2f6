"""What one pool's task remembers from pass to pass. All of it may be lost in a restart without harm."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from runnerpool.control.actor import Trouble
from runnerpool.control.backoff import AFTER_FAILED_PODS, AFTER_REFUSED_CREATIONS, Backoff
from runnerpool.planning.snapshot import PodStage, RunnerPod

# A pod that stays ready for so long has shown that the present settings work.
_PROVEN_AFTER = timedelta(seconds=60)
_NO_POD_FAILED = Backoff(delays=AFTER_FAILED_PODS)
_NONE_REFUSED = Backoff(delays=AFTER_REFUSED_CREATIONS)


class PoolMemory:
    """Job sightings and back-offs of one pool.

    Losing it delays scale-down (slots count as idle from the operator's start at the earliest) and forgets back-offs.
    """

    def __init__(self) -> None:
        self.last_job_seen: dict[str, datetime] = {}
        self._held: frozenset[str] = frozenset()
        self.pods_failed = _NO_POD_FAILED
        self.last_end = ""
        self.creation_failed = _NONE_REFUSED
        self.refused: Trouble | None = None
        self.collided: frozenset[int] = frozenset()
        self._failed_uids: set[str] = set()
        self._tried = ""

    def note_jobs(self, held: Mapping[str, int], pods: Iterable[RunnerPod], now: datetime) -> None:
        """Take in who holds jobs now; forget pods that have gone.

        A job that was there at the last look may have ended just now: passes may be ten seconds apart, and far more
        after a time without a reading. So a pod is idle from the first look that finds it so.
        """
        names = {pod.name for pod in pods}
        kept = {name: seen for name, seen in self.last_job_seen.items() if name in names}
        holding = frozenset(name for name, count in held.items() if count and name in names)
        self.last_job_seen = kept | dict.fromkeys((holding | self._held) & names, now)
        self._held = holding

    def note_pods(self, pods: Iterable[RunnerPod], now: datetime) -> None:
        """Count pods that failed since the last pass; a pod that worked ends the row of failures."""
        pods = tuple(pods)
        if any(_proven(pod, now) for pod in pods):
            self.pods_failed = _NO_POD_FAILED
        failed = {pod.uid: pod for pod in pods if pod.failed}
        for uid in sorted(failed.keys() - self._failed_uids):
            self.pods_failed = self.pods_failed.failed(now)
            self.last_end = f"{failed[uid].name}: {failed[uid].end or 'nobody told how it ended'}"
        self._failed_uids = set(failed)

    def note_attempt(self, build: str) -> None:
        """Take in what pods are made from now: another build, another template has not failed yet."""
        if self._tried not in {"", build}:
            self.pods_failed, self.creation_failed, self.refused = _NO_POD_FAILED, _NONE_REFUSED, None
        self._tried = build

    def note_collisions(self, collided: Iterable[int], reserved: Iterable[int]) -> None:
        """Take in ordinals whose names are somebody else's; forget those that are no longer reserved."""
        self.collided = (self.collided | frozenset(collided)) & frozenset(reserved)

    def note_creations(self, refused: Trouble | None, *, wanted: bool, tried: bool, now: datetime) -> None:
        """Back off while the cluster or the server refuses new pods; until one works, or none is wanted any more.

        Args:
            refused: A creation of this pass that failed.
            wanted: There are fewer pods than there should be.
            tried: This pass created pods, or tried to.
            now: The moment of the pass.
        """
        if refused is not None:
            self.creation_failed, self.refused = self.creation_failed.failed(now), refused
        elif tried or not wanted:
            self.creation_failed, self.refused = _NONE_REFUSED, None

    @property
    def create_not_before(self) -> datetime | None:
        """The later of the two back-offs; None = at once."""
        moments = [moment for moment in (self.pods_failed.not_before, self.creation_failed.not_before) if moment]
        return max(moments, default=None)


def _proven(pod: RunnerPod, now: datetime) -> bool:
    if pod.stage is PodStage.ENDED:
        return pod.succeeded
    return pod.ready_since is not None and now - pod.ready_since >= _PROVEN_AFTER
