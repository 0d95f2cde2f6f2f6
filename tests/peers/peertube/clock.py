import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """The server's time: wall time that advances with the event loop, and durations divided by one figure.

    Attributes:
        divisor: By how much the figures of heartbeat, watchdog and push are shortened; 1 is real time.
    """

    def __init__(self, divisor: float = 1.0) -> None:
        if divisor <= 0:
            raise ValueError(f"Clock divisor {divisor} is not above 0; give 1 for real time")
        self.divisor = divisor
        self._loop = asyncio.get_running_loop()
        self._start = datetime.now(UTC)
        self._loop_start = self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._loop.time() - self._loop_start)

    def scaled(self, seconds: float) -> float:
        return seconds / self.divisor


def iso(moment: datetime) -> str:
    """The moment as JavaScript's `toISOString` writes it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
