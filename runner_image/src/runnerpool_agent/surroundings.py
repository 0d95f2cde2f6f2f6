"""What one runner depends on, put together for its vitals: contact, the server, /proc and the scratch volume."""

from pathlib import Path

from runnerpool_agent import scratch
from runnerpool_agent.contact import Contact
from runnerpool_agent.runner_api import RunnerApi
from runnerpool_agent.stall import Usage
from runnerpool_agent.usage import session_usage


class PodSurroundings:
    """See `vitals.Surroundings`."""

    def __init__(self, contact: Contact, api: RunnerApi, folder: Path, limit: int | None, session: int) -> None:
        self._contact = contact
        self._api = api
        self._folder = folder
        self._limit = limit
        self._session = session
        self._was_full = False

    def contact_lost_seconds(self) -> float:
        """See `Contact.lost_seconds`."""
        return self._contact.lost_seconds()

    def contact_ok_seconds(self) -> float:
        """See `Contact.ok_seconds`."""
        return self._contact.ok_seconds()

    def usage(self) -> Usage:
        """Of the session that the runner leads."""
        return session_usage(self._session)

    def scratch_full(self) -> str | None:
        """Of the scratch volume; one that can't be measured is not full."""
        try:
            found = scratch.full(scratch.look(self._folder, self._limit), was_full=self._was_full)
        except OSError:
            return None
        self._was_full = found is not None
        return found

    async def offers_job(self) -> bool | None:
        """See `RunnerApi.offers_job`."""
        return await self._api.offers_job()

    async def still_ours(self, uuid: str, token: str, progress: float | None) -> bool | None:
        """See `RunnerApi.still_ours`."""
        return await self._api.still_ours(uuid, token, progress)
