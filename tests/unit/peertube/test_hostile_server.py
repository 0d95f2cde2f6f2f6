"""A server that answers anything at all: what comes out is a sound value, or an error that is ours."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runnerpool.api.job_types import JOB_TYPES
from runnerpool.peertube.client import PeerTubeClient
from runnerpool.peertube.errors import PeerTubeError
from runnerpool.peertube.reading import MAX_CALLS, MAX_IN_WORK_CALLS, Want, read_server
from runnerpool.planning.jobs import JobState, ServerReading
from support.scripted_peertube import (
    JOBS,
    OAUTH_CLIENT,
    REGISTER,
    REGISTRATION_TOKENS,
    RUNNERS,
    TOKEN,
    Say,
    ScriptedPeerTube,
    job_row,
    runner_row,
)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONFIG = "/api/v1/config"
SOUND: dict[str, Any] = {
    OAUTH_CLIENT: {"client_id": "c", "client_secret": "s"},
    TOKEN: {"access_token": "a", "refresh_token": "r", "expires_in": 86399},
    CONFIG: {
        "serverVersion": "8.2.1",
        "transcoding": {"remoteRunners": {"enabled": True}},
        "live": {"enabled": True, "transcoding": {"enabled": True, "remoteRunners": {"enabled": True}}},
        "storyboards": {"enabled": True, "remoteRunners": {"enabled": True}},
    },
    JOBS: {
        "total": 3,
        "data": [
            job_row(1),
            job_row(2, state={"id": 2}, runner={"name": "r"}),
            job_row(3, state={"id": 5}, parent={"uuid": job_row(2)["uuid"], "state": {"id": 2}}),
        ],
    },
    RUNNERS: {"total": 1, "data": [runner_row(1, "r", "mark")]},
    REGISTRATION_TOKENS: {
        "total": 1,
        "data": [{"registrationToken": "ptrrt-canary", "createdAt": "2026-11-23T18:24:06.165Z"}],
    },
    REGISTER: {"id": 6, "runnerToken": "ptrt-canary"},
}

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([2**63, -(2**70), 1e308])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def with_at(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The value with another one at this place."""
    if not path:
        return other
    changed = deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = other
    return changed


@st.composite
def spoilt(draw: st.DrawFn, sound: Any) -> bytes:
    """A body that was sound but for one place, or cut off, or wrapped too deep, or none at all."""
    body = json.dumps(with_at(sound, draw(st.sampled_from(list(places(sound)))), draw(ANYTHING))).encode()
    depth = draw(st.sampled_from([0, 0, 0, 0, 1, 500, 100_000]))
    wrapped = b'{"data": [' * depth + body
    return draw(st.sampled_from([body, body[: len(body) // 2], wrapped])) if draw(st.booleans()) else body


STATUSES = st.sampled_from([200, 200, 200, 200, 204, 400, 401, 403, 404, 418])


class Hostile(ScriptedPeerTube):
    """Answers as the drawn data say."""

    def __init__(self, data: st.DataObject) -> None:
        super().__init__()
        for path, sound in SOUND.items():
            for method in ("GET", "POST"):
                self.on(method, path, self._spoiler(data, path, sound))

    def _spoiler(self, data: st.DataObject, path: str, sound: Any) -> Callable[[httpx.Request], Say]:
        def answer(_: httpx.Request) -> Say:
            assert len(self.requests) < 150, "a hostile server keeps us asking"
            if path in {OAUTH_CLIENT, TOKEN} and data.draw(st.integers(0, 3)):
                return Say(body=sound)
            return Say(data.draw(STATUSES), data.draw(spoilt(sound)))

        return answer


def sound(reading: ServerReading) -> None:
    """What the planner may rely on."""
    assert all(job.state == JobState.PENDING for job in reading.pending)
    assert all(job.state in {JobState.PROCESSING, JobState.COMPLETING} for job in reading.active)
    assert all(job.state == JobState.WAITING_FOR_PARENT_JOB for job in reading.waiting)
    assert reading.pending_total >= len(reading.pending)
    assert reading.waiting_total >= len(reading.waiting)
    uuids = [job.uuid for job in (*reading.pending, *reading.active, *reading.waiting)]
    assert len(set(uuids)) == len(uuids)


async def read(client: PeerTubeClient) -> None:
    wants = [Want(types=frozenset(JOB_TYPES[:2]), size=3), Want(size=500)]
    sound(await read_server(client, wants, now=lambda: NOW))


async def look(client: PeerTubeClient) -> None:
    mark = await client.change_mark()
    assert mark.total >= 0


async def ask_facts(client: PeerTubeClient) -> None:
    facts = await client.server_facts()
    assert facts.remote_job_types <= frozenset(JOB_TYPES)


async def list_rows(client: PeerTubeClient) -> None:
    assert all(row.id >= 0 and row.name for row in await client.list_runners())


async def register(client: PeerTubeClient) -> None:
    runner = await client.register_runner("vod-1", "mark")
    assert runner.token.get_secret_value()


CALLS = [read, look, ask_facts, list_rows, register]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_the_server_answers_a_sound_value_comes_out_or_an_error_of_ours(
    call: Callable[[PeerTubeClient], Awaitable[None]], data: st.DataObject
) -> None:
    async def conversation() -> None:
        server = Hostile(data)
        client = server.client()
        errors: list[PeerTubeError] = []
        for _ in range(2):
            try:
                await call(client)
            except PeerTubeError as error:
                errors.append(error)
        assert all(error.__cause__ is None and "canary" not in str(error) for error in errors)

    asyncio.run(conversation())


@given(total=st.integers(0, 2**53), rows=st.integers(0, 300))
def test_a_list_that_is_longer_than_it_says_or_never_ends_costs_a_bounded_number_of_calls(
    total: int, rows: int
) -> None:
    async def conversation() -> ServerReading:
        server = ScriptedPeerTube()
        page = [job_row(number, state={"id": 1 + number % 2}) for number in range(rows)]
        server.on("GET", JOBS, Say(body={"total": total, "data": page}))
        reading = await read_server(server.client(), [Want(size=10**6)], now=lambda: NOW)
        assert len(server.asked("GET", JOBS)) <= MAX_CALLS + MAX_IN_WORK_CALLS
        return reading

    sound(asyncio.run(conversation()))
