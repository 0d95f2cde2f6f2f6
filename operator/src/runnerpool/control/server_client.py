"""The server as the poller needs it: a port, fulfilled by `runnerpool.peertube.client`."""

from typing import Protocol

from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.client import ChangeMark
from runnerpool.peertube.reading import JobLister
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts


class ServerClient(JobLister, Protocol):
    """Asks and writes. Methods raise `PeerTubeError` kinds only."""

    async def change_mark(self) -> ChangeMark:
        """A cheap look at whether anything has changed."""

    async def server_facts(self) -> ServerFacts:
        """What the server is able and told to do."""

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        """All runner rows."""

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        """Register a runner; a row of ours of that name is replaced."""

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine."""

    async def cancel_job(self, uuid: str) -> bool:
        """Cancel a job; False if there was nothing to cancel any more."""

    async def delete_job(self, uuid: str) -> bool:
        """Remove a job; False if it has gone already."""

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Have a video transcoded anew."""

    async def aclose(self) -> None:
        """Forget all tokens and close all connections."""
