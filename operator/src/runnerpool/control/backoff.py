"""When to try again after failures. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# The relative of ours that scales CI runners waits so after a failed runner (reliability study, §1.1).
DELAYS_SECONDS = (0, 5, 10, 20, 40, 80, 160, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Failures in a row, and when the last of them was."""

    failures: int = 0
    last: datetime | None = None

    def failed(self, now: datetime) -> "Backoff":
        """One failure more."""
        return Backoff(failures=self.failures + 1, last=now)

    @property
    def not_before(self) -> datetime | None:
        """The earliest moment of the next try; None = at once."""
        if self.last is None:
            return None
        step = min(self.failures, len(DELAYS_SECONDS)) - 1
        return self.last + timedelta(seconds=DELAYS_SECONDS[step])
