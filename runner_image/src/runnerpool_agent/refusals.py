"""Progress reports that the server refused: some in a row mean that the job in hand is no longer this runner's.

The runner logs the same line whether the server refused the report or was not reached, and logs nothing when it is
accepted (PeerTube's runner 0.6.0, which reports every 60 s and goes on encoding). So a report counts only while there
is contact, and one that comes later than the next in turn has had an accepted one before it.
"""

from dataclasses import dataclass, field

REPORT_SECONDS = 60.0
"""The runner's own period between two reports of one job."""
SETTLE_SECONDS = 5.0
"""After contact has returned: a report under way before may fail for the connection's sake."""
BLIP_SECONDS = 5.0
"""Reports of several jobs that fail so soon after each other, without an answer, may have met one short fault."""
_LONGEST_GAP_SECONDS = 1.5 * REPORT_SECONDS
_MEAN_REFUSED = frozenset({400, 401, 403, 404, 409, 410})


@dataclass(slots=True)
class Refusals:
    """The failed reports since the last sign that one was accepted. `total`: refused ones ever."""

    _times: list[float] = field(default_factory=list)
    _doubtful: float | None = None
    total: int = 0

    def failed(self, now: float) -> None:
        """A report failed."""
        if self._times and now - self._times[-1] > _LONGEST_GAP_SECONDS:
            self._times.clear()
        soon = bool(self._times) and now - self._times[-1] < BLIP_SECONDS
        self._doubtful = now if soon else None
        if not soon:
            self._times.append(now)
        self.total += 1

    def answered(self, status: int) -> None:
        """The last failed report was answered with this HTTP status; a fault of the server's is no refusal."""
        if status in _MEAN_REFUSED:
            if self._doubtful is not None:
                self._times.append(self._doubtful)
        elif self._times:
            if self._doubtful is None:
                self._times.pop()
            self.total -= 1
        self._doubtful = None

    def settled(self) -> None:
        """A job was begun, or has ended: whatever was refused before says nothing of those in hand."""
        self._times.clear()

    def in_a_row(self, now: float, contact_ok_seconds: float) -> int:
        """How many were refused in a row, given how long there has been contact without a break."""
        return sum(at >= now - contact_ok_seconds + SETTLE_SECONDS for at in self._times) if contact_ok_seconds else 0
