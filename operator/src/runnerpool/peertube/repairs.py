"""The calls that put right what a server has lost sight of.

Facts: recordings 44 and 45 of both versions, server/core/controllers/api/runners/jobs.ts, …/videos/transcoding.ts:
there is no call that gives a job back to the queue.
"""

from http import HTTPStatus

from runnerpool.api.reasons import Reason
from runnerpool.api.uuids import uuid_of
from runnerpool.peertube.errors import RepairRefused
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import Answer, Call
from runnerpool.planning.repair_steps import TranscodingKind

_JOBS = "/api/v1/runners/jobs"
_VIDEOS = "/api/v1/videos"


class Repairs:
    """Cancels and deletes jobs, and asks for new transcodings."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def cancel_job(self, uuid: str) -> bool:
        """Cancel; False if the job has gone, or has moved on to where it cannot be cancelled (400)."""
        call = Call(operation=Operation.CANCEL_JOB, method="POST", path=f"{_JOBS}/{self._checked(uuid)}/cancel")
        return self._done(await self._session.request(call), {HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST})

    async def delete_job(self, uuid: str) -> bool:
        """Delete; False if the job has gone."""
        call = Call(operation=Operation.DELETE_JOB, method="DELETE", path=f"{_JOBS}/{self._checked(uuid)}")
        return self._done(await self._session.request(call), {HTTPStatus.NOT_FOUND})

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Ask by force: the server still counts the job that is lost, and would answer 409."""
        answer = await self._session.request(
            Call(
                operation=Operation.TRANSCODE_VIDEO,
                method="POST",
                path=f"{_VIDEOS}/{self._checked(video)}/transcoding",
                json={"transcodingType": str(kind), "forceTranscoding": True},
            )
        )
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RepairRefused(
                Reason.REPAIR_REFUSED,
                f"{self._session.server} does not transcode video {video} anew ({answer.status}); see whether the "
                "video is still there, and whether transcoding is enabled",
                status=answer.status,
            )

    def _done(self, answer: Answer, in_vain: set[HTTPStatus]) -> bool:
        if answer.status in in_vain:
            return False
        self._session.expect_ok(answer)
        return True

    def _checked(self, uuid: str) -> str:
        """What goes into a path must not lead elsewhere: it is a server's word."""
        checked = uuid_of(uuid)
        if checked is None:
            raise RepairRefused(
                Reason.REPAIR_REFUSED,
                f"{self._session.server} lists a job or a video whose id is no UUID; it is left as it is",
            )
        return checked
