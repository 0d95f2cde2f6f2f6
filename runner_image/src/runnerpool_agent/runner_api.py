"""What the agent asks the server in its runner's name. Tokens go in bodies alone, and into no log or error."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from runnerpool_agent.contact import TIMEOUT_SECONDS

_NOT_OURS = frozenset({400, 403, 404})
_DOES_NOT_SAY = 0


class RunnerApi:
    """The runner side of PeerTube's API, as far as health needs it (8.2; the calls are the same since 5.2).

    Args:
        client: Goes to the server as the runner does.
        runner_token: The runner's own.
        job_types: What the runner asks for; servers before 7.0 offer others too.
    """

    def __init__(self, client: httpx.AsyncClient, runner_token: str, job_types: Sequence[str]) -> None:
        self._client = client
        self._token = runner_token
        self._job_types = tuple(job_types)

    async def offers_job(self) -> bool | None:
        """Whether the server has a job for this runner; None: it did not say."""
        body = {"runnerToken": self._token, "jobTypes": list(self._job_types)}
        status, answer = await self._post("/api/v1/runners/jobs/request", json=body)
        jobs = answer.get("availableJobs") if isinstance(answer, dict) else None
        if status != httpx.codes.OK or not isinstance(jobs, list):
            return None
        return any(isinstance(job, dict) and job.get("type") in self._job_types for job in jobs)

    async def still_ours(self, uuid: str, token: str, progress: float | None) -> bool | None:
        """Report progress for a job; whether the server took it, None: it did not say."""
        fields = {"runnerToken": self._token, "jobToken": token}
        if progress is not None:
            fields["progress"] = str(round(progress))
        form = {name: (None, value) for name, value in fields.items()}  # servers answer JSON with 500 here
        status, _ = await self._post(f"/api/v1/runners/jobs/{uuid}/update", files=form)
        return True if status == httpx.codes.NO_CONTENT else False if status in _NOT_OURS else None

    async def hand_back(self, uuid: str, token: str, reason: str) -> bool:
        """Put a job back into the queue whose runner is dead; whether the server took it."""
        body = {"runnerToken": self._token, "jobToken": token, "reason": reason}
        status, _ = await self._post(f"/api/v1/runners/jobs/{uuid}/abort", json=body)
        return status == httpx.codes.NO_CONTENT

    async def _post(
        self, path: str, json: Mapping[str, Any] | None = None, files: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._client.post(path, json=json, files=files)
        except (httpx.HTTPError, OSError):
            return _DOES_NOT_SAY, None
        try:
            return response.status_code, response.json() if response.content else None
        except ValueError:
            return response.status_code, None
