"""Reads the runner's log: what it does with its jobs stands nowhere else.

The lines are those of PeerTube's runner 0.1 to 0.6 (pino-pretty text; apps/peertube-runner/src/server), recorded in
part by a run of 0.6.0. `[18:16:25.037] INFO (21002): Checking available jobs on https://video.example.org`
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

QUIET_SECONDS = 1.0
"""A round whose end the log does not tell is taken as over after this long: it asks, and accepts, in some 30 ms."""

_HEAD = re.compile(r"^\[[\d:.]+\] (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) \(\d+\): (.*)$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LEVELS = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
}
_READY = re.compile(r"^(Server is ready to process jobs|Using \S+ for transcoding directory)")
_STARTED = re.compile(r"^\[\S+\] Processing job of type (\S+): (\S+)")
_FINISHED = re.compile(r"^\[\S+\] Finished processing job of type (\S+): (\S+)")
_HANDED_BACK = re.compile(r"^Aborting job (\S+) on ")
_FAILED = re.compile(r"^(Cannot process job|Unknown job \S+ to process)")
_ROUND_OPENS = re.compile(r"^Checking available jobs on ")
_ROUND_CLOSES = re.compile(
    r"^(\[\S+\] Processing job of type|Do not process more jobs|No job available on|Cannot request/accept job"
    r"|Runner job is not in pending state|Unregistering )"
)
_UNREGISTERED = re.compile(r"^Unregistering \S+ as the runner token .* is invalid")
_REPORT_REFUSED = re.compile(r"^Cannot send job progress")


class JobEvents:
    """What the log tells about jobs; the ledger listens."""

    def started(self, kind: str, uuid: str) -> None:
        """A job was accepted and begun."""

    def finished(self, uuid: str) -> None:
        """Its result has arrived at the server."""

    def handed_back(self, uuid: str) -> None:
        """The runner stops and gives the job back to the queue."""

    def failed(self) -> None:
        """A job failed; the line does not say which."""


@dataclass(slots=True, kw_only=True)
class RunnerLog:
    """The state that the log of one runner process tells.

    Attributes:
        ready: The runner works: it has its directories and asks for jobs.
        unregistered: The server refused the runner's token; the runner dropped the server and idles from now on.
        refused_reports: Progress reports that failed.
    """

    clock: Callable[[], float]
    jobs: JobEvents
    ready: bool = False
    unregistered: bool = False
    refused_reports: int = 0
    _round_since: float | None = None
    # A verbose runner tells the end of every round; one that begins a round within a round has not told it.
    _tells_ends: bool = True
    _level: int = field(default=logging.INFO)

    def take(self, line: str) -> tuple[int, str]:
        """Read one line; returns its level (a continued record keeps that of its head) and its text, not yet masked."""
        line = _COLOUR.sub("", line)
        head = _HEAD.match(line)
        if head is None:
            return self._level, line
        self._level = _LEVELS[head[1]]
        self._notice(head[2])
        return self._level, line

    def round_open(self) -> bool:
        """Whether the runner may be accepting a job right now, so that telling it to end could orphan that job."""
        if self._round_since is None:
            return False
        return self._tells_ends or self.clock() - self._round_since < QUIET_SECONDS

    def round_quiet_at(self) -> float | None:
        """When an open round whose end the log will not tell is over; None if none is open or its end is told."""
        return None if self._tells_ends or not self.round_open() else (self._round_since or 0) + QUIET_SECONDS

    def _notice(self, text: str) -> None:
        self._notice_round(text)
        self._notice_job(text)
        if _READY.match(text):
            self.ready = True
        elif _UNREGISTERED.match(text):
            self.unregistered = True
        elif _REPORT_REFUSED.match(text):
            self.refused_reports += 1

    def _notice_round(self, text: str) -> None:
        if _ROUND_OPENS.match(text):
            self.ready = True
            self._tells_ends = self._tells_ends and self._round_since is None
            self._round_since = self.clock()
        elif _ROUND_CLOSES.match(text):
            self._round_since = None

    def _notice_job(self, text: str) -> None:
        if match := _STARTED.match(text):
            self.jobs.started(match[1], match[2])
        elif match := _FINISHED.match(text):
            self.jobs.finished(match[2])
        elif match := _HANDED_BACK.match(text):
            self.jobs.handed_back(match[1])
        elif _FAILED.match(text):
            self.jobs.failed()
