"""When a runner has ended and its pod goes on: how long to wait for the next one, or how the pod ends for it. Pure."""

from dataclasses import dataclass, replace

from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Cause
from runnerpool_agent.termination import EndCause, Ending, ExitCode

MAX_RESTARTS = 3
BACK_OFF_SECONDS = (1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarts:
    """What was tried so far.

    Attributes:
        crashes: Restarts after a crash, or after a silence that only a kill could end; ever.
        silences: How many of those were silences.
        deaf: For deafness, since the last job was begun.
        emptied: With emptied work directories, since the last job was begun.
    """

    crashes: int = 0
    silences: int = 0
    deaf: int = 0
    emptied: int = 0


def after(restarts: Restarts, cause: RestartCause, *, worked: bool) -> Restarts | Ending:
    """Count one more restart, or end the pod. `worked`: the runner that ended had begun a job."""
    if worked:
        restarts = replace(restarts, deaf=0, emptied=0)
    if cause in {RestartCause.CRASHED, RestartCause.SILENT}:
        silences = restarts.silences + (cause is RestartCause.SILENT)
        if restarts.crashes == MAX_RESTARTS:
            return _worn_out(silences)
        return replace(restarts, crashes=restarts.crashes + 1, silences=silences)
    if cause is RestartCause.DEAF:
        message = f"the runner did not look for jobs that the server has for it, after {MAX_RESTARTS} restarts"
        in_vain = restarts.deaf == MAX_RESTARTS
        return _end(Cause.RUNNER_DEAF, message) if in_vain else replace(restarts, deaf=restarts.deaf + 1)
    if cause is RestartCause.SCRATCH_FULL:
        message = "the scratch volume is full even without work on it: give it more room, or the node"
        return _end(Cause.SCRATCH_FULL, message) if restarts.emptied else replace(restarts, emptied=1)
    return restarts


def _worn_out(silences: int) -> Ending:
    """Silences ask for another remedy than crashes do: the pod ends by what was more frequent."""
    crashes = MAX_RESTARTS + 1 - silences
    cause = EndCause.RUNNER_SILENT if silences > crashes else EndCause.RUNNER_FAILED
    return _end(
        cause, f"the runner ended by itself {crashes} times and fell silent {silences} times; its log tells why"
    )


def _end(cause: EndCause | Cause, message: str) -> Ending:
    return Ending(code=ExitCode.RUNNER_FAILED, cause=cause, message=message)


def wait_seconds(restarts: Restarts, cause: RestartCause) -> float:
    """How long to wait, this restart being counted already."""
    return BACK_OFF_SECONDS[restarts.crashes - 1] if cause in {RestartCause.CRASHED, RestartCause.SILENT} else 0.0
