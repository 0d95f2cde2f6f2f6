"""Since when each thing has been wrong: the list of causes that people and the operator are shown."""

from collections.abc import Callable, Iterable
from typing import Any

from runnerpool_agent.causes import Finding, Trouble


class Troubles:
    """What is wrong now, each with its age."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[Trouble, float] = {}

    def update(self, findings: Iterable[Finding]) -> list[dict[str, Any]]:
        """Take what is wrong now; returns it as `/status` shows it, one entry a cause."""
        now = self._clock()
        words: dict[Trouble, str] = {}
        for finding in findings:
            words.setdefault(finding.cause, finding.message)
        self._since = {cause: self._since.get(cause, now) for cause in words}
        return [
            {"cause": str(cause), "message": message, "seconds": round(now - self._since[cause], 1)}
            for cause, message in words.items()
        ]
