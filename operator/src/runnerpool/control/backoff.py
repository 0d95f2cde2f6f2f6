"""When to try again after refusals. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

AFTER_REFUSED_CREATIONS = (5, 10, 20)
"""Seconds. A quota that is raised is to be noticed within 30 s, and trying costs one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Failures in a row, when the last of them was, and how long to wait after the first, the second and so on."""

    delays: tuple[int, ...]
    failures: int = 0
    last: datetime | None = None

    def failed(self, now: datetime) -> "Backoff":
        """One failure more."""
        return replace(self, failures=self.failures + 1, last=now)

    def without_future(self, now: datetime) -> "Backoff":
        """The same where the clock was set back since the last failure."""
        return self if self.last is None else replace(self, last=min(self.last, now))

    @property
    def not_before(self) -> datetime | None:
        """The earliest moment of the next try; None = at once."""
        if self.last is None:
            return None
        step = min(self.failures, len(self.delays)) - 1
        return self.last + timedelta(seconds=self.delays[step])
