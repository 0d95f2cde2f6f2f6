"""How often a server is asked: the period while it answers, the pauses while it does not."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_SERVER_SHARE = 50
"""A look may take a fiftieth of the period: 2 % of the server's time (70 ms a look were measured on a grown server)."""
_REST_PER_WORK = 2
"""Whatever is asked for, a server rests twice as long as the last look and read took."""
_SHORTEST_REST_SECONDS = 1.0
"""30 registrations within a second ask for one read, not for 30."""
_ANSWERS_REMEMBERED = 5
_ANSWERS_NEEDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a server is asked. All in seconds.

    Attributes:
        period: From one look to the next, at least; a slow server is asked less often.
        full_read: A full read is never older than this, while the server answers.
        facts: What the server can do is asked for so often, and at once after failures: no job and no list tells when
            remote runners are switched on, and half a minute after that the pool is to say so.
        longest: No period is longer than this.
        longest_pause: No pause after a failure is longer than this, unless the server asks for it, or logins fail. A
            call that hangs for 10 s, this pause, and a read make less than 30 s: so soon a cured server is known again.
    """

    period: float = 5.0
    full_read: float = 60.0
    facts: float = 20.0
    longest: float = 60.0
    longest_pause: float = 12.0


class Rhythm:
    """What follows from how a server has answered so far."""

    def __init__(self, pace: Pace, draw: Callable[[float, float], float]) -> None:
        self._pace = pace
        self._draw = draw
        self._answer_seconds: deque[float] = deque(maxlen=_ANSWERS_REMEMBERED)
        self._failures = 0

    @property
    def failing(self) -> bool:
        """The last turn failed."""
        return self._failures > 0

    def answered(self, seconds: float) -> None:
        """One look took so long."""
        self._answer_seconds.append(seconds)

    def worked(self) -> None:
        """A turn ended well."""
        self._failures = 0

    def failed(self) -> None:
        """A turn ended badly."""
        self._failures += 1

    def period(self) -> float:
        """What a look costs the server is told by the fastest of some: what slows one down may be ours or the net's."""
        answer = min(self._answer_seconds) if len(self._answer_seconds) >= _ANSWERS_NEEDED else 0.0
        return max(self._pace.period, min(self._pace.longest, answer * _SERVER_SHARE))

    def pause(self, retry_after: float | None) -> float:
        """After a failed turn; longer each time, and at random, so that operators drift apart."""
        pause = min(self._pace.longest_pause, self.period() * 2.0 ** min(self._failures - 1, 16))
        pause = self._draw(pause / 2, pause)
        return pause if retry_after is None else max(pause, retry_after + self._draw(0.0, 1.0))

    def shortest_rest(self, worked: float) -> float:
        """After a turn that took so long, whatever is asked for."""
        return min(max(_SHORTEST_REST_SECONDS, worked * _REST_PER_WORK), self._pace.longest)
