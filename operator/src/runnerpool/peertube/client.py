"""What we ask of a PeerTube server, in domain words. Facts: recordings of 6.3.0 and 8.2.1, and the server's sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from runnerpool.api.reasons import Reason
from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.errors import InvalidResponse, RegistrationFailed
from runnerpool.peertube.facts import facts_of
from runnerpool.peertube.registration import Registrar
from runnerpool.peertube.repairs import Repairs
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import Answer, Call
from runnerpool.peertube.wire import WireConfig, WireJobs, WireRunners, decode
from runnerpool.planning.jobs import Job, JobState
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts

PAGE_SIZE = 100
"""The server refuses a larger `count` with 400 (recording 17)."""
ACTIVE_STATES = (JobState.PENDING, JobState.PROCESSING, JobState.WAITING_FOR_PARENT_JOB, JobState.COMPLETING)
"""States that a job may still leave. Everything is asked by state: finished jobs stay in the table for ever."""

_API = "/api/v1"
_JOBS = f"{_API}/runners/jobs"
_RUNNERS = f"{_API}/runners"
# 10 000 runners; more is a server that never stops paging.
_MAX_RUNNER_PAGES = 100


@dataclass(frozen=True, slots=True)
class ChangeMark:
    """Differs from an earlier one if an active job has come, gone or moved since.

    Every transition and progress report moves a job's `updatedAt`; a job that ends leaves the active states, which
    changes the total (checked on 6.3.0 and 8.2.1).
    """

    total: int
    newest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """One page of the job list, and how many jobs all pages hold."""

    total: int
    jobs: tuple[Job, ...]


class PeerTubeClient:
    """The calls that the operator makes. Every method raises `PeerTubeError` kinds only."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._registrar = Registrar(session)
        self._repairs = Repairs(session)
        self._filters_types = True
        self._version = ""

    async def aclose(self) -> None:
        """Forget all tokens and close all connections."""
        self._registrar = Registrar(self._session)
        await self._session.aclose()

    async def server_facts(self) -> ServerFacts:
        """What the server is able and told to do.

        It takes no login; ours lifts the rate limit, which all runners behind one address would share with us.
        """
        answer = await self._session.request(Call(operation=Operation.CONFIG, method="GET", path=f"{_API}/config"))
        facts = facts_of(decode(WireConfig, self._session.expect_ok(answer).body, self._session.server))
        if facts.version != self._version:
            # Another version may heed what the one before ignored.
            self._version, self._filters_types = facts.version, True
        return facts

    async def change_mark(self) -> ChangeMark:
        """A cheap look at whether anything has changed."""
        page = await self._jobs(Operation.CHANGE_MARK, ACTIVE_STATES, sort="-updatedAt", count=1)
        return ChangeMark(page.total, max((job.updated for job in page.jobs), default=None))

    async def list_jobs(
        self,
        states: Sequence[JobState],
        *,
        sort: str = "priority",
        start: int = 0,
        count: int = PAGE_SIZE,
        types: Sequence[str] = (),
    ) -> JobPage:
        """A page of the job list.

        Args:
            states: Any of these.
            sort: `updatedAt`, `createdAt`, `priority`, `state` or `progress`; with a leading `-` descending.
            start: Jobs to skip.
            count: At most `PAGE_SIZE`.
            types: Only these; () means all. A wish: servers before 8.2 ignore it, newer ones refuse names that they
                don't know, and are then asked without. `filters_types` tells.
        """
        if not (types and self._filters_types):
            return await self._jobs(Operation.LIST_JOBS, states, sort=sort, start=start, count=count)
        answer = await self._session.request(
            _job_list_call(Operation.LIST_JOBS, states, sort=sort, start=start, count=count, types=types)
        )
        if answer.status == HTTPStatus.BAD_REQUEST:
            self._filters_types = False
            return await self._jobs(Operation.LIST_JOBS, states, sort=sort, start=start, count=count)
        page = self._page(answer)
        self._filters_types = all(job.type in types for job in page.jobs)
        return page

    @property
    def filters_types(self) -> bool:
        """The server has not been seen to ignore or refuse `types`."""
        return self._filters_types

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        """All runner rows, oldest first. Rows that are made meanwhile come last, so none is missed for them."""
        rows: dict[int, RunnerAccount] = {}
        for page in range(_MAX_RUNNER_PAGES):
            params: dict[str, str | int | list[str]] = {
                "start": page * PAGE_SIZE,
                "count": PAGE_SIZE,
                "sort": "createdAt",
            }
            answer = await self._session.request(
                Call(operation=Operation.LIST_RUNNERS, method="GET", path=_RUNNERS, params=params)
            )
            runners = decode(WireRunners, self._session.expect_ok(answer).body, self._session.server)
            rows |= {runner.id: runner.account() for runner in runners.data}
            if len(runners.data) < PAGE_SIZE:
                return tuple(rows.values())
        raise InvalidResponse(
            Reason.INVALID_RESPONSE,
            f"{self._session.server} lists more than {_MAX_RUNNER_PAGES * PAGE_SIZE} runners; remove those unused",
        )

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        """Register a runner.

        A row of that name *and* that description is ours from an earlier try, whose answer was lost and the token with
        it: it is replaced.

        Raises:
            RegistrationFailed: The name is somebody else's, or the server refuses name, description or token.
        """
        answer = await self._registrar.register(name, description)
        if answer.status == HTTPStatus.BAD_REQUEST:
            await self._make_room(name, description)
            answer = await self._registrar.register(name, description)
        return self._registrar.registered(answer)

    async def _make_room(self, name: str, description: str) -> None:
        """Remove our row of that name, if the name was why the server refused."""
        row = next((row for row in await self.list_runners() if row.name == name), None)
        if row is None:
            raise RegistrationFailed(
                Reason.REGISTRATION_FAILED,
                f"{self._session.server} refuses the name or the description of runner {name} (400); see its log",
                status=HTTPStatus.BAD_REQUEST,
            )
        if row.description.strip() != description.strip():
            raise RegistrationFailed(
                Reason.NAME_TAKEN,
                f"{self._session.server} has a runner {name} that was not made for this pod; remove that runner",
                status=HTTPStatus.BAD_REQUEST,
            )
        await self.delete_runner(row.id)

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine. A job still credited to it is left to the server."""
        answer = await self._session.request(
            Call(operation=Operation.DELETE_RUNNER, method="DELETE", path=f"{_RUNNERS}/{row_id}")
        )
        if answer.status != HTTPStatus.NOT_FOUND:
            self._session.expect_ok(answer)

    async def cancel_job(self, uuid: str) -> bool:
        """Cancel a job and what waits for it; False if there was nothing to cancel any more. Its runner is not told."""
        return await self._repairs.cancel_job(uuid)

    async def delete_job(self, uuid: str) -> bool:
        """Remove a job, and what waits for it; False if it has gone already."""
        return await self._repairs.delete_job(uuid)

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Have a video transcoded anew, whatever the server believes to be under way.

        Raises:
            RepairRefused: The video has gone, or the server does not transcode.
        """
        await self._repairs.transcode_video(video, kind)

    async def _jobs(
        self, operation: Operation, states: Sequence[JobState], *, sort: str, count: int, start: int = 0
    ) -> JobPage:
        call = _job_list_call(operation, states, sort=sort, start=start, count=count)
        return self._page(await self._session.request(call))

    def _page(self, answer: Answer) -> JobPage:
        page = decode(WireJobs, self._session.expect_ok(answer).body, self._session.server)
        return JobPage(total=page.total, jobs=tuple(job.job() for job in page.data))


def _job_list_call(
    operation: Operation,
    states: Sequence[JobState],
    *,
    sort: str,
    start: int,
    count: int,
    types: Sequence[str] = (),
) -> Call:
    params: dict[str, str | int | list[str]] = {
        "start": start,
        "count": count,
        "sort": sort,
        "stateOneOf": [str(int(state)) for state in states],
    }
    if types:
        params["typeOneOf"] = list(types)
    return Call(operation=operation, method="GET", path=_JOBS, params=params)
