"""Are the jobs in hand still this runner's? Asked when there is reason to doubt it; some noes in a row decide.

After a loss of contact the server may have given a job to another runner, and the official runner would encode on for
nobody until its end, or until several of its reports, one a minute, have been refused. The agent asks in its place: it
reports progress itself, with the job's token from the runner's log. A yes also keeps the server's watchdog away.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

AGAIN_SECONDS = 2.0
"""Between two questions about the same jobs."""


@dataclass(slots=True)
class Claims:
    """What is known of the jobs in hand. `lost`: those that the server has refused to know often enough."""

    _doubted: set[str] = field(default_factory=set)
    _noes: Counter[str] = field(default_factory=Counter)
    _ask_at: float = 0.0
    lost: set[str] = field(default_factory=set)

    def doubt(self, uuids: Iterable[str]) -> None:
        """Contact has returned, or a report was refused."""
        self._doubted.update(set(uuids) - self.lost)

    def to_ask(self, now: float, open_jobs: Iterable[str]) -> tuple[str, ...]:
        """The jobs to ask about now; those that have ended are forgotten."""
        still_open = set(open_jobs)
        self._doubted &= still_open
        self.lost &= still_open
        if not self._doubted or now < self._ask_at:
            return ()
        self._ask_at = now + AGAIN_SECONDS
        return tuple(sorted(self._doubted))

    def answered(self, uuid: str, *, ours: bool | None, needed: int) -> None:
        """The server's word; None: it gave none. `needed`: so many noes in a row decide."""
        if ours is None:
            return
        if ours:
            self._doubted.discard(uuid)
            del self._noes[uuid]
            return
        self._noes[uuid] += 1
        if self._noes[uuid] >= needed:
            self._doubted.discard(uuid)
            self.lost.add(uuid)
