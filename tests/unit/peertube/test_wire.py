"""What is let through, what is not, and that refusing repeats nothing."""

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.ownership import MAX_LENGTH
from runnerpool.api.reasons import Reason
from runnerpool.api.uuids import uuid_of
from runnerpool.peertube.errors import InvalidResponse
from runnerpool.peertube.wire import (
    WireConfig,
    WireJobs,
    WireOAuthClient,
    WireRegistered,
    WireRegistrationTokens,
    WireRunners,
    WireTokens,
    decode,
    problem_code,
)
from support.scripted_peertube import job_row, runner_row

RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings"
VIDEO = "C674A0A7-ae6c-4ee7-8713-505ca9f3462b"
START = "2026-11-23T18:24:07.000Z"
MODELS = (WireConfig, WireJobs, WireOAuthClient, WireRegistered, WireRegistrationTokens, WireRunners, WireTokens)


def recorded(pattern: str) -> list[Path]:
    return sorted(RECORDINGS.glob(f"*/{pattern}.json"))


def body_of(path: Path) -> tuple[int, Any]:
    response = json.loads(path.read_text())["response"]
    return response["status"], response["body"]


def encoded(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize("path", recorded("*-jobs-*"), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_recorded_job_list_is_read(path: Path) -> None:
    status, body = body_of(path)
    if status != 200:
        with pytest.raises(InvalidResponse):
            decode(WireJobs, encoded(body), "it")
        return

    jobs = decode(WireJobs, encoded(body), "it")

    assert jobs.total == body["total"]
    assert [(job.job().uuid, job.job().state) for job in jobs.data] == [
        (row["uuid"], row["state"]["id"]) for row in body["data"]
    ]


def test_the_recordings_cover_jobs_with_runner_and_with_parent() -> None:
    rows = [
        row.job()
        for path in recorded("*-jobs-*")
        if body_of(path)[0] == 200
        for row in decode(WireJobs, encoded(body_of(path)[1]), "it").data
    ]

    assert {job.state for job in rows} >= {1, 2, 5}
    assert any(job.runner for job in rows)
    assert any(job.parent_uuid and job.parent_state for job in rows)
    assert all(job.created.utcoffset() is not None for job in rows)


@pytest.mark.parametrize("path", recorded("*-runners"), ids=lambda path: path.parent.name)
def test_every_recorded_runner_list_is_read(path: Path) -> None:
    _, body = body_of(path)

    runners = decode(WireRunners, encoded(body), "it")

    assert [runner.account().name for runner in runners.data] == [row["name"] for row in body["data"]]


@pytest.mark.parametrize("version", ["6.3.0", "8.2.1"])
def test_the_other_recorded_answers_are_read(version: str) -> None:
    folder = RECORDINGS / version

    config = decode(WireConfig, encoded(body_of(folder / "01-config-excerpt.json")[1]), "it")
    client = decode(WireOAuthClient, encoded(body_of(folder / "04-oauth-client.json")[1]), "it")
    tokens = decode(WireTokens, encoded(body_of(folder / "07-token-password-grant.json")[1]), "it")
    registration = decode(WireRegistrationTokens, encoded(body_of(folder / "22-registration-tokens.json")[1]), "it")
    registered = decode(WireRegistered, encoded(body_of(folder / "24-register.json")[1]), "it")

    assert config.server_version == version
    assert client.client_id == "client"
    assert tokens.expires_in == 86399
    assert registration.data[0].registration_token.get_secret_value().startswith("ptrrt-")
    assert registered.runner_token.get_secret_value().startswith("ptrt-")


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"state": {"id": 4711, "label": "New"}}, {"state": 4711}),
        ({"type": "vod-hologram"}, {"type": "vod-hologram"}),
        ({"runner": {"id": 1, "name": "r", "new": []}}, {"runner": "r"}),
        (
            {"parent": {"id": 1, "uuid": VIDEO, "type": "t", "state": {"id": 2}}},
            {"parent_uuid": VIDEO.lower(), "parent_state": 2},
        ),
        ({"priority": 0}, {"priority": 0}),
        ({"priority": -5}, {"priority": -5}),
        ({"newField": {"deep": [1, None]}}, {}),
        ({"payload": "whatever", "privatePayload": 7, "progress": "x"}, {}),
    ],
)
def test_what_a_newer_server_may_send_is_let_through(changes: dict[str, Any], read: dict[str, Any]) -> None:
    jobs = decode(WireJobs, encoded({"total": 1, "data": [job_row(**changes)], "more": 1}), "it")

    job = jobs.data[0].job()
    assert {key: getattr(job, key) for key in read} == read


def test_the_uuid_of_a_job_may_be_written_in_either_case() -> None:
    jobs = decode(WireJobs, encoded({"total": 1, "data": [job_row(uuid=VIDEO)]}), "it")

    assert jobs.data[0].job().uuid == VIDEO.lower()


def test_start_failures_and_video_are_read_where_they_are_told() -> None:
    row = job_row(startedAt=START, failures=3, privatePayload={"videoUUID": VIDEO, "isNewVideo": True})

    job = decode(WireJobs, encoded({"total": 1, "data": [row]}), "it").data[0].job()

    assert (job.started, job.failures, job.video) == (datetime(2026, 11, 23, 18, 24, 7, tzinfo=UTC), 3, VIDEO.lower())


def test_every_recorded_job_tells_its_video() -> None:
    rows = [
        row.job()
        for path in recorded("*-jobs-*")
        if body_of(path)[0] == 200
        for row in decode(WireJobs, encoded(body_of(path)[1]), "it").data
    ]

    assert all(job.video is not None for job in rows)
    assert {job.failures for job in rows} >= {0, 1}
    assert any(job.started is not None for job in rows)


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("videoUUID"), inner, max_size=1),
    max_leaves=4,
) | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", START, {"videoUUID": VIDEO}])


@given(started=_ODD, failures=_ODD, private=_ODD)
def test_what_serves_explanations_alone_never_spoils_a_row(started: Any, failures: Any, private: Any) -> None:
    row = job_row(startedAt=started, failures=failures, privatePayload=private)

    job = decode(WireJobs, encoded({"total": 1, "data": [row]}), "it").data[0].job()

    assert job.started is None or job.started.utcoffset() is not None
    assert job.failures >= 0
    assert job.video in {None, VIDEO.lower()}


WRONG_ROWS = [
    {"uuid": 7},
    {"uuid": ""},
    {"uuid": "x" * 2000},
    {"uuid": "canary"},
    {"uuid": f"{VIDEO} canary"},
    {"type": None},
    {"state": 1},
    {"state": {"id": "1"}},
    {"state": {"id": 1.5}},
    {"state": {"id": True}},
    {"state": {}},
    {"priority": None},
    {"priority": "100"},
    {"priority": 2**70},
    {"createdAt": None},
    {"createdAt": 1},
    {"createdAt": "yesterday"},
    {"createdAt": "2026-11-23T18:24:06"},
    {"updatedAt": "0001-01-01T00:00:00+14:00"},
    {"updatedAt": "9999-12-31T23:59:59-14:00"},
    {"runner": "r"},
    {"runner": {"name": None}},
    {"parent": {"uuid": VIDEO}},
    {"parent": {"uuid": "canary", "state": {"id": 2}}},
]


@pytest.mark.parametrize("changes", WRONG_ROWS, ids=str)
def test_a_wrong_row_spoils_the_answer_and_is_not_repeated(changes: dict[str, Any]) -> None:
    body = encoded({"total": 1, "data": [job_row(**{"error": "canary"} | changes)]})

    with pytest.raises(InvalidResponse) as caught:
        decode(WireJobs, body, "it")

    assert caught.value.reason is Reason.INVALID_RESPONSE
    assert caught.value.__cause__ is None
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"pong",
        b"<html>502</html>",
        b"null",
        b"[]",
        b"{",
        b'{"total": 1',
        b'{"total": -1, "data": []}',
        b'{"total": 1.5, "data": []}',
        b'{"total": "1", "data": []}',
        b'{"total": true, "data": []}',
        b'{"total": NaN, "data": []}',
        b'{"total": 1e400, "data": []}',
        b'{"total": ' + b"9" * 5000 + b', "data": []}',
        b'{"total": 1}',
        b'{"total": 1, "data": null}',
        b'{"total": 1, "data": {}}',
        b'{"total": 1, "data": [null]}',
        b"[" * 100_000,
        b'{"total": 1, "data": ' + b"[" * 100_000,
        b"\xff\xfe\x00",
        b'{"total": 1, "data": "\xed\xa0\x80"}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidResponse):
        decode(WireJobs, body, "it")


def test_a_row_of_a_foreign_runner_may_lack_all_that_is_optional() -> None:
    row = {"id": 1, "name": "x"}

    account = decode(WireRunners, encoded({"total": 1, "data": [row]}), "it").data[0].account()

    assert (account.description, account.last_contact, account.version) == ("", None, None)


@pytest.mark.parametrize(("length", "kept"), [(MAX_LENGTH, MAX_LENGTH), (MAX_LENGTH + 1, 0), (10_000, 0)])
def test_a_description_too_long_for_a_mark_of_ours_is_not_kept(length: int, kept: int) -> None:
    row = runner_row(1, "x", "d" * length)

    account = decode(WireRunners, encoded({"total": 1, "data": [row]}), "it").data[0].account()

    assert len(account.description) == kept


def test_two_looks_at_a_row_are_equal_though_the_runner_was_in_contact_between() -> None:
    rows = [runner_row(1, "x") | {"lastContact": f"2026-11-23T18:24:0{second}.000Z"} for second in (1, 2)]

    first, second = (row.account() for row in decode(WireRunners, encoded({"total": 2, "data": rows}), "it").data)

    assert first.last_contact != second.last_contact
    assert first == second


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary() | JSON.map(encoded), st.sampled_from(MODELS))
def test_no_body_breaks_the_decoder(body: bytes, model: Any) -> None:
    with contextlib.suppress(InvalidResponse):
        assert isinstance(decode(model, body, "it"), model)
    assert problem_code(body) is None or isinstance(problem_code(body), str)


@given(st.dictionaries(st.sampled_from(sorted(job_row())), JSON, max_size=6))
def test_no_row_breaks_the_decoder_and_what_is_read_is_sound(changes: dict[str, Any]) -> None:
    try:
        jobs = decode(WireJobs, encoded({"total": 1, "data": [job_row(**changes)]}), "it")
    except InvalidResponse:
        return
    job = jobs.data[0].job()
    assert uuid_of(job.uuid) == job.uuid
    assert job.created.utcoffset() == job.updated.utcoffset() is not None
