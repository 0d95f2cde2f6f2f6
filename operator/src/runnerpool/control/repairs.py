"""Carries repairs out on a server, and remembers what was tried, told and is owed."""

import logging
from dataclasses import replace
from datetime import datetime

from runnerpool.api.reasons import Reason
from runnerpool.control.ports import PoolKey, Recorder, ServerLink
from runnerpool.control.reporter import News
from runnerpool.peertube.errors import PeerTubeError, RepairRefused
from runnerpool.planning.repair import TRY_AGAIN_AFTER, RepairView, key_of, plan_repairs, rehearse
from runnerpool.planning.repair_steps import CancelJob, DeleteJob, RepairStep, RequestTranscoding, TranscodingKind

_log = logging.getLogger(__name__)


class Repairer:
    """Repairs for one pool. All that it remembers may be lost with the process.

    So may a transcoding that is still owed; the event of its job's end tells which, and of what video.
    """

    def __init__(self, key: PoolKey, recorder: Recorder) -> None:
        self._key = key
        self._recorder = recorder
        self._tried: dict[str, datetime] = {}
        self._asked: dict[tuple[str, TranscodingKind], datetime] = {}
        self._owed: dict[str, RequestTranscoding] = {}
        self._told: frozenset[str] = frozenset()

    async def repair(self, view: RepairView, link: ServerLink) -> list[News]:
        """Make the repairs that are due, one after the other; what there is to tell."""
        self._forget(view)
        view = replace(view, owed=tuple(self._owed.values()), tried=self._tried, told=self._told)
        news = []
        for rehearsal in rehearse(view):
            self._told |= {rehearsal.job}
            news.append(News("Normal", Reason.JOB_STUCK, rehearsal.message))
        for step in plan_repairs(view):
            self._tried[key_of(step)] = view.now
            told = await self._attempt(step, link, view.now)
            news += told
            if any(entry.kind == "Warning" and entry.reason is not Reason.REPAIR_REFUSED for entry in told):
                break  # the server is out of reach: each further call could cost its whole time limit
        return news

    def _forget(self, view: RepairView) -> None:
        """Drop what is of no use any more; a job that is stuck no longer may be told of anew."""
        self._told &= {one.job.uuid for one in view.stuck}
        self._tried = {key: last for key, last in self._tried.items() if view.now - last < TRY_AGAIN_AFTER}
        self._asked = {key: last for key, last in self._asked.items() if view.now - last < TRY_AGAIN_AFTER}

    async def _attempt(self, step: RepairStep, link: ServerLink, now: datetime) -> list[News]:
        try:
            done = await self._do(step, link, now)
        except PeerTubeError as error:
            return [News("Warning", error.reason, f"{step.message}: in vain, as {error.message}")]
        if not done:
            _log.debug("%s: %s: it had moved on by itself", self._key, step.message)
            return []
        self._recorder.step_done(self._key, type(step).__name__.lower(), step.reason)
        news = [News("Normal", step.reason, step.message)]
        if not isinstance(step, RequestTranscoding) and step.then is not None:
            # The message tells of it already: only that it failed is news.
            news += [entry for entry in await self._attempt(step.then, link, now) if entry.kind == "Warning"]
        return news

    async def _do(self, step: RepairStep, link: ServerLink, now: datetime) -> bool:
        """Whether there was something to do, and it was done."""
        match step:
            case CancelJob():
                return await link.cancel_job(step.job)
            case DeleteJob():
                return await link.delete_job(step.job)
            case RequestTranscoding():
                return await self._transcode(step, link, now)

    async def _transcode(self, step: RequestTranscoding, link: ServerLink, now: datetime) -> bool:
        """Ask for each kind once, however many jobs of a video are ended: one request makes all its jobs."""
        owed = self._owed.pop(step.video, step)
        kinds = [kind for kind in dict.fromkeys((*owed.kinds, *step.kinds)) if (step.video, kind) not in self._asked]
        for position, kind in enumerate(kinds):
            try:
                await link.transcode_video(step.video, kind)
            except RepairRefused:
                raise  # asking again would not help
            except PeerTubeError:
                self._owed[step.video] = replace(step, kinds=tuple(kinds[position:]))
                raise
            self._asked[step.video, kind] = now
        return bool(kinds)
