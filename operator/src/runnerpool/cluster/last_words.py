"""From the API server's JSON to what an ended pod left behind: the kubelet's word, and the agent's last message."""

from collections.abc import Mapping
from typing import Any

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.loss_causes import LossCause
from runnerpool.api.times import parse_time
from runnerpool.api.uuids import uuid_of
from runnerpool.cluster.endings import AGENT_CAUSES, agents_word, read_ending, terminated_of
from runnerpool.planning.endings import EndedJob, Fate, LastWord

_UNTOLD = str(FailureCause.AGENT_FAILED)
"""The container ended well, as far as that goes, and the agent has not said so."""
_MOST_JOBS = 8
_LONGEST_SECONDS = 10**8


def last_word_of(status: Mapping[str, Any]) -> LastWord:
    """The end of a pod that has ended. What nobody told is left open."""
    terminated = terminated_of(status)
    word = agents_word(terminated.get("message"))
    return LastWord(
        cause=_cause(status, word or {}),
        time=parse_time(terminated.get("finishedAt")),
        jobs=None if word is None else _jobs(word.get("jobs")),
    )


def _cause(status: Mapping[str, Any], word: Mapping[str, Any]) -> str:
    """The cause of the failure; for a pod that ended well, or was sent away, what the agent says of it if it does."""
    cause, told = read_ending(status).cause, str(word.get("cause"))
    if told not in AGENT_CAUSES:
        return _UNTOLD if cause is None else str(cause)
    if cause in {None, FailureCause.EVICTED}:
        # An order and a deadline are told apart; a failure goes by its one name.
        cause = AGENT_CAUSES[told]
        return told if cause in {None, FailureCause.EVICTED} else str(cause)
    return str(cause)


def _jobs(entries: object) -> tuple[EndedJob, ...]:
    """The jobs that can be read; the message is the pod's, which may write there what it likes."""
    found = (_job(entry) for entry in entries[:_MOST_JOBS]) if isinstance(entries, list) else ()
    return tuple(job for job in found if job is not None)


def _job(entry: object) -> EndedJob | None:
    if not isinstance(entry, dict):
        return None
    uuid, fate, seconds = uuid_of(entry.get("uuid")), entry.get("fate"), entry.get("seconds")
    if uuid is None or fate not in list(Fate) or not isinstance(seconds, int | float):
        return None
    if not 0 <= seconds <= _LONGEST_SECONDS:
        return None
    cause = entry.get("cause")
    # Other causes (an order, a deadline) are of the pod's end, of which the kubelet and the operator know more.
    outlived = LossCause(cause) if cause in list(LossCause) else None
    return EndedJob(uuid=uuid, fate=Fate(fate), seconds=round(seconds), cause=outlived)
