"""Reads the runner's log: what it does with its jobs stands nowhere else.

The lines are those of PeerTube's runner 0.1 to 0.6 (pino-pretty text; apps/peertube-runner/src/server), recorded in
part by a run of 0.6.0. `[18:16:25.037] INFO (21002): Checking available jobs on https://video.example.org`
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from runnerpool_agent.refusals import Refusals

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
_JOB_TOKEN = re.compile(r"/runners/jobs/([^/\s]+)/\S+ .*\b(ptrjt-[A-Za-z0-9-]+)")
_ANSWER = re.compile(r'^\s+"?(?:message"?: "|Error: )Expected status \d{3}, got (\d{3})\b')


class JobEvents:
    """What the log tells about jobs; the ledger listens."""

    def started(self, kind: str, uuid: str) -> None:
        """A job was accepted and begun."""

    def proven(self, uuid: str, token: str) -> None:
        """The token of a job in hand."""

    def finished(self, uuid: str) -> None:
        """Its result has arrived at the server."""

    def handed_back(self, uuid: str) -> None:
        """The runner stops and gives the job back to the queue."""

    def failed(self) -> None:
        """A job failed; the line does not say which."""

    def refused(self, status: int) -> None:
        """That failure came from this answer (an HTTP status) to the job's result."""


@dataclass(slots=True, kw_only=True)
class RunnerLog:
    """The state that the log of one runner process tells.

    Attributes:
        ready: The runner works: it has its directories and asks for jobs.
        unregistered: The server refused the runner's token; the runner dropped the server and idles from now on.
        refused_reports: Progress reports that failed.
        refusals: Those among them that may mean that the job is no longer ours.
        last_round: When the runner last began to look for jobs; None if it never did.
    """

    clock: Callable[[], float]
    jobs: JobEvents
    ready: bool = False
    unregistered: bool = False
    refused_reports: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    last_round: float | None = None
    # Whom the status in a record's continued lines is about.
    _on_answer: Callable[[int], None] | None = None
    _round_since: float | None = None
    # A verbose runner tells the end of every round; one that begins a round within a round has not told it.
    _tells_ends: bool = True
    _level: int = field(default=logging.INFO)

    def take(self, line: str) -> tuple[int, str]:
        """Read one line; returns its level (a continued record keeps that of its head) and its text, not yet masked."""
        line = _COLOUR.sub("", line)
        head = _HEAD.match(line)
        if head is None:
            self._notice_answer(line)
            return self._level, line
        self._level = _LEVELS[head[1]]
        self._on_answer = None
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

    def round_seconds(self) -> float:
        """How long the open round has lasted; 0 if none is open."""
        return self.clock() - (self._round_since or 0) if self.round_open() else 0.0

    def _notice_answer(self, line: str) -> None:
        if self._on_answer is not None and (match := _ANSWER.match(line)):
            self._on_answer(int(match[1]))
            self._on_answer = None

    def _notice(self, text: str) -> None:
        self._notice_round(text)
        self._notice_job(text)
        if _READY.match(text):
            self.ready = True
        elif _UNREGISTERED.match(text):
            self.unregistered = True
        elif _REPORT_REFUSED.match(text):
            self.refused_reports += 1
            self.refusals.failed(self.clock())
            self._on_answer = self.refusals.answered

    def _notice_round(self, text: str) -> None:
        if _ROUND_OPENS.match(text):
            self.ready = True
            self._tells_ends = self._tells_ends and self._round_since is None
            self._round_since = self.last_round = self.clock()
        elif _ROUND_CLOSES.match(text):
            self._round_since = None

    def _notice_job(self, text: str) -> None:
        if match := _STARTED.match(text):
            self.refusals.settled()
            self.jobs.started(match[1], match[2])
        elif match := _FINISHED.match(text):
            self.refusals.settled()
            self.jobs.finished(match[2])
        elif match := _HANDED_BACK.match(text):
            self.jobs.handed_back(match[1])
        elif _FAILED.match(text):
            self.refusals.settled()
            self.jobs.failed()
            self._on_answer = self.jobs.refused
        elif match := _JOB_TOKEN.search(text):
            self.jobs.proven(match[1], match[2])
