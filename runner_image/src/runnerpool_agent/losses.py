"""The ledger of work in vain: which jobs did not end well in this pod, how many seconds they cost, and why."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runnerpool_agent.causes import LossCause
from runnerpool_agent.jobs import JobEnd, Outcome

KEPT = 8
"""Jobs named in the termination message, of which Kubernetes keeps 4096 bytes."""
_LONGEST_WORD = 40
_PROXYS_LIMIT = frozenset({408, 413})
"""What proxies answer to an upload that is too big or too slow for them; each costs the whole encode."""
_PROXYS_LIMIT_OR_AWAY = frozenset({502, 504})
"""What they answer to that, too, but also while the server behind them is merely away."""
REJECTED = _PROXYS_LIMIT | _PROXYS_LIMIT_OR_AWAY
_NOT_OURS = frozenset({400, 403, 404})
_FATES = {Outcome.FAILED: "failed", Outcome.HANDED_BACK: "handed_back", Outcome.LOST: "lost"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LostWork:
    """One job that did not end well."""

    end: JobEnd
    cause: LossCause

    def page(self) -> dict[str, Any]:
        """As it stands in the termination message."""
        fate = _FATES[self.end.outcome]
        # Both words come from the server, and must leave room for the others.
        uuid, job_type = self.end.uuid[:_LONGEST_WORD], self.end.type[:_LONGEST_WORD]
        seconds = round(self.end.seconds)
        return {"uuid": uuid, "type": job_type, "fate": fate, "seconds": seconds, "cause": str(self.cause)}


def cause_of(end: JobEnd, why_ended: LossCause, *, contact: bool) -> LossCause:
    """Why this job was in vain.

    Args:
        end: How it ended.
        why_ended: Why its runner was stopped or died.
        contact: The server answered at that time. Without, a failure that nobody answered is most likely that of a
            download or an upload.
    """
    if end.outcome is not Outcome.FAILED:
        return why_ended
    if end.status in REJECTED:
        return LossCause.UPLOAD_REJECTED
    if end.status is None and not contact:
        return LossCause.CONTACT_LOST
    return LossCause.LOST_JOB if end.status in _NOT_OURS else LossCause.JOB_FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refused result that shows, not by chance, that uploads of this pod are refused.

    Attributes:
        status: The HTTP status.
        at: When, on the agent's clock.
    """

    status: int
    at: float

    def __str__(self) -> str:
        why = "a proxy before the server limits the size or the time of uploads"
        away = ", or the server was away" if self.status in _PROXYS_LIMIT_OR_AWAY else ""
        return f"the result of a job was refused with HTTP {self.status}: {why}{away}"


class Losses:
    """All lost work of one pod, through all lives of its runner.

    Attributes:
        seconds: By cause.
        rejected: The last rejected upload; None if there was none, or one that may have been by chance.
    """

    def __init__(self, on_loss: Callable[[LossCause, float], None]) -> None:
        self._on_loss = on_loss
        self._jobs: deque[LostWork] = deque(maxlen=KEPT)
        self._doubtful_at: float | None = None
        self.rejected: Rejection | None = None
        self.seconds: dict[LossCause, float] = {}

    def book(self, end: JobEnd, why_ended: LossCause, *, contact: bool = True) -> None:
        """A job has ended; one that ended well costs nothing. The arguments: see `cause_of`."""
        if end.outcome is Outcome.FINISHED:
            return
        cause = cause_of(end, why_ended, contact=contact)
        if end.status is not None and end.status in REJECTED:
            self._note_rejected(end, end.status)
        self._jobs.append(LostWork(end=end, cause=cause))
        self.seconds[cause] = self.seconds.get(cause, 0.0) + end.seconds
        self._on_loss(cause, end.seconds)

    def _note_rejected(self, end: JobEnd, status: int) -> None:
        """While a server restarts, uploads get 502, all those of that moment: a job begun after it proves more."""
        again = self._doubtful_at is not None and end.at - end.seconds >= self._doubtful_at
        if status in _PROXYS_LIMIT or again:
            self.rejected = Rejection(status=status, at=end.at)
        elif self._doubtful_at is None:
            self._doubtful_at = end.at

    def jobs(self) -> tuple[LostWork, ...]:
        """The last ones."""
        return tuple(self._jobs)

    def page(self) -> dict[str, float]:
        """Seconds by cause, for `/status`."""
        return {str(cause): round(seconds, 1) for cause, seconds in sorted(self.seconds.items())}
