"""How the agent ends: its exit code, and the one line of JSON that Kubernetes shows with the ended container."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from pathlib import Path

from runnerpool_agent.drain import Cause
from runnerpool_agent.losses import LostWork, Rejection

_LONGEST_MESSAGE = 2000
_SHORTEST_MESSAGE = 100
_LONGEST_LINE = 4096
"""Bytes; Kubernetes keeps no more of the file, and half a line of JSON is none."""

_SICK = {
    Cause.RUNNER_HUNG: "a job in hand made no progress, used no CPU and moved no bytes",
}

log = logging.getLogger(__name__)


@unique
class ExitCode(IntEnum):
    """The contract with the operator, but for AGENT: our own fault, which the contract does not foresee."""

    DRAINED = 0
    AGENT = 1
    CONFIGURATION = 2
    UNREGISTERED = 3
    RUNNER_FAILED = 4
    DRAIN_CUT = 5


@unique
class EndCause(StrEnum):
    """Causes that are no cause of a drain; together with `drain.Cause` the closed list of the termination message."""

    DRAINED = "Drained"
    INVALID_CONFIGURATION = "InvalidConfiguration"
    UNSUPPORTED_RUNNER = "UnsupportedRunner"
    RUNNER_FAILED = "RunnerFailed"
    RUNNER_SILENT = "RunnerSilent"
    AGENT_FAILED = "AgentFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended, and why, for a person. No secret may stand in the message.

    Attributes:
        code: The exit code.
        cause: The word for the operator.
        message: The words for people.
        jobs: Those that did not end well in this pod, the last ones.
    """

    code: ExitCode
    cause: EndCause | Cause
    message: str
    jobs: Sequence[LostWork] = ()

    def line(self) -> str:
        """The termination message."""
        length, jobs = _LONGEST_MESSAGE, list(self.jobs)
        # What JSON has to escape grows up to sixfold, in words of the server's too.
        while len(line := self._line(length, jobs)) > _LONGEST_LINE:
            if length > _SHORTEST_MESSAGE:
                length //= 2
            else:
                del jobs[0]
        return line

    def _line(self, length: int, lost: Sequence[LostWork]) -> str:
        jobs = [job.page() for job in lost]
        return json.dumps({"cause": self.cause, "message": self.message[:length], "jobs": jobs}) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsAtEnd:
    """What became of the jobs that were in hand when the runner was told to end, or ended by itself."""

    handed_back: int
    lost: int


def ending_of_drain(cause: Cause, jobs: JobsAtEnd, *, aborted: bool) -> Ending:
    """Judge an ended drain by its jobs, not by the runner's exit status: that is 0 after a crash, too."""
    if cause is Cause.UNREGISTERED:
        message = "the server no longer knows this runner: its row was deleted, or its registration token"
        return Ending(code=ExitCode.UNREGISTERED, cause=cause, message=message)
    if cause in _SICK:
        message = f"{_SICK[cause]}: {_fate(jobs)}"
        return Ending(code=ExitCode.RUNNER_FAILED, cause=cause, message=message)
    if not jobs.handed_back and not jobs.lost:
        message = f"{cause}: nothing left in hand"
        return Ending(code=ExitCode.DRAINED, cause=EndCause.DRAINED, message=message)
    fate = _fate(jobs)
    if aborted:
        return Ending(code=ExitCode.DRAIN_CUT, cause=cause, message=f"{cause}: {fate}")
    message = f"the runner ended in mid-drain ({cause}): {fate}"
    return Ending(code=ExitCode.RUNNER_FAILED, cause=EndCause.RUNNER_FAILED, message=message)


def ending_of_rejection(rejection: Rejection, jobs: JobsAtEnd) -> Ending:
    """The pod ends since the operator can hear of it in no other way, and paces what comes next."""
    message = f"{rejection}; {_fate(jobs)}"
    return Ending(code=ExitCode.RUNNER_FAILED, cause=Cause.UPLOAD_REJECTED, message=message)


def _fate(jobs: JobsAtEnd) -> str:
    return f"{jobs.handed_back} jobs handed back, {jobs.lost} left for the server's watchdog"


def write_message(path: Path, ending: Ending) -> None:
    """Leave the message where the kubelet reads it; a pod must end even if it can't."""
    try:
        path.write_text(ending.line(), encoding="utf-8")
    except OSError as error:
        log.warning("cannot write the termination message to %s: %s", path, error.strerror)
