"""Queue, runners, registration: the calls, their parameters, and what becomes of odd answers."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from runnerpool.api.reasons import Reason
from runnerpool.peertube.client import ChangeMark
from runnerpool.peertube.errors import InsufficientRights, InvalidResponse, RegistrationFailed, RepairRefused
from runnerpool.planning.jobs import JobState
from runnerpool.planning.repair_steps import TranscodingKind
from support.scripted_peertube import (
    JOBS,
    REGISTER,
    REGISTRATION_TOKENS,
    RUNNERS,
    Say,
    ScriptedPeerTube,
    job_row,
    page,
    problem,
    runner_row,
)

CONFIG = "/api/v1/config"
MARK = "runnerpool mark"
REGISTERED = Say(body={"id": 6, "runnerToken": "ptrt-canary"})


@pytest.fixture
def server() -> ScriptedPeerTube:
    server = ScriptedPeerTube()
    server.on("GET", REGISTRATION_TOKENS, registration_tokens("ptrrt-canary-1"))
    return server


def registration_tokens(*tokens: str) -> Say:
    rows = [
        {"id": number, "registrationToken": token, "createdAt": f"2026-11-0{number}T00:00:00.000Z"}
        for number, token in enumerate(tokens, start=1)
    ]
    return Say(body={"total": len(rows), "data": rows})


def registration_bodies(server: ScriptedPeerTube) -> list[dict[str, str]]:
    return [json.loads(request.content) for request in server.asked("POST", REGISTER)]


async def test_the_change_mark_asks_for_the_newest_active_job_alone(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, page(job_row(), total=7))

    mark = await server.client().change_mark()

    assert mark == ChangeMark(7, datetime(2026, 11, 23, 18, 24, 6, 165000, tzinfo=UTC))
    query = server.asked("GET", JOBS)[0].url.params
    assert query.multi_items() == [
        ("start", "0"),
        ("count", "1"),
        ("sort", "-updatedAt"),
        *(("stateOneOf", state) for state in ("1", "2", "5", "9")),
    ]


async def test_an_empty_queue_has_a_change_mark_too(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, page())

    assert await server.client().change_mark() == ChangeMark(0, None)


async def test_job_types_are_asked_for_while_the_server_heeds_them(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, page(job_row(type="video-transcription")))
    client = server.client()

    await client.list_jobs([JobState.PENDING], types=["video-transcription", "x"])

    assert server.asked("GET", JOBS)[0].url.params.get_list("typeOneOf") == ["video-transcription", "x"]
    assert client.filters_types


async def test_a_server_that_ignores_job_types_is_asked_without_from_then_on(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, page(job_row()))
    client = server.client()

    first = await client.list_jobs([JobState.PENDING], types=["video-transcription"])
    await client.list_jobs([JobState.PENDING], types=["video-transcription"])

    assert len(first.jobs) == 1
    assert not client.filters_types
    assert "typeOneOf" not in server.asked("GET", JOBS)[1].url.params


async def test_a_server_that_refuses_a_job_type_is_asked_without(server: ScriptedPeerTube) -> None:
    def refuse_types(request: httpx.Request) -> Say:
        return problem(400) if "typeOneOf" in request.url.params else page(job_row())

    server.on("GET", JOBS, refuse_types)
    client = server.client()

    listed = await client.list_jobs([JobState.PENDING], types=["future-type"])

    assert len(listed.jobs) == 1
    assert not client.filters_types


async def test_a_server_that_refuses_the_plain_list_too_is_no_peertube(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, problem(400))

    with pytest.raises(InvalidResponse, match="400"):
        await server.client().list_jobs([JobState.PENDING], types=["x"])


async def test_runners_are_read_page_by_page_and_counted_once(server: ScriptedPeerTube) -> None:
    rows = [runner_row(number, f"r{number}") for number in range(250)]

    def paged(request: httpx.Request) -> Say:
        start = int(request.url.params["start"])
        assert request.url.params["count"] == "100"
        # One row was removed after the first page, so all later ones moved up by one and one comes twice.
        return page(*rows[max(0, start - 1) :][:100], total=len(rows))

    server.on("GET", RUNNERS, paged)

    runners = await server.client().list_runners()

    assert len({runner.id for runner in runners}) == len(runners)
    assert len(server.asked("GET", RUNNERS)) == 3
    assert runners[0].description == ""


async def test_a_runner_list_without_end_is_given_up(server: ScriptedPeerTube) -> None:
    server.on("GET", RUNNERS, page(*(runner_row(number, f"r{number}") for number in range(100)), total=10**9))

    with pytest.raises(InvalidResponse, match="10000 runners"):
        await server.client().list_runners()

    assert len(server.asked("GET", RUNNERS)) == 100


async def test_a_runner_is_registered_with_the_newest_token_and_the_administrators_login(
    server: ScriptedPeerTube,
) -> None:
    server.on("GET", REGISTRATION_TOKENS, registration_tokens("ptrrt-old", "ptrrt-new"))
    server.on("POST", REGISTER, REGISTERED)

    runner = await server.client().register_runner("vod-1", MARK)

    assert runner.id == 6
    assert runner.token.get_secret_value() == "ptrt-canary"
    assert "canary" not in repr(runner)
    assert registration_bodies(server) == [{"registrationToken": "ptrrt-new", "name": "vod-1", "description": MARK}]
    assert server.asked("POST", REGISTER)[0].headers["Authorization"] == "Bearer canary-access-1"


async def test_the_registration_token_is_read_once(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, REGISTERED)
    client = server.client()

    for number in range(3):
        await client.register_runner(f"vod-{number}", MARK)

    assert len(server.asked("GET", REGISTRATION_TOKENS)) == 1


async def test_a_registration_token_is_generated_where_there_is_none(server: ScriptedPeerTube) -> None:
    server.on("GET", REGISTRATION_TOKENS, registration_tokens(), registration_tokens("ptrrt-made"))
    server.on("POST", f"{REGISTRATION_TOKENS}/generate", Say(204))
    server.on("POST", REGISTER, REGISTERED)

    await server.client().register_runner("vod-1", MARK)

    assert registration_bodies(server)[0]["registrationToken"] == "ptrrt-made"


async def test_a_server_that_generates_no_registration_token_is_named(server: ScriptedPeerTube) -> None:
    server.on("GET", REGISTRATION_TOKENS, registration_tokens())
    server.on("POST", f"{REGISTRATION_TOKENS}/generate", Say(204))

    with pytest.raises(RegistrationFailed, match="no registration token"):
        await server.client().register_runner("vod-1", MARK)


async def test_a_registration_token_that_was_deleted_meanwhile_is_read_anew(server: ScriptedPeerTube) -> None:
    server.on("GET", REGISTRATION_TOKENS, registration_tokens("ptrrt-gone"), registration_tokens("ptrrt-next"))
    server.on("POST", REGISTER, problem(404), REGISTERED)

    await server.client().register_runner("vod-1", MARK)

    assert [body["registrationToken"] for body in registration_bodies(server)] == ["ptrrt-gone", "ptrrt-next"]


async def test_a_registration_that_is_refused_twice_fails(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, problem(404))

    with pytest.raises(RegistrationFailed) as caught:
        await server.client().register_runner("vod-1", MARK)

    assert caught.value.reason is Reason.REGISTRATION_FAILED
    assert len(server.asked("POST", REGISTER)) == 2


async def test_our_own_row_of_that_name_is_replaced_as_its_token_is_lost(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, problem(400), REGISTERED)
    server.on("GET", RUNNERS, page(runner_row(4, "other", MARK), runner_row(5, "vod-1", f"{MARK}\n")))
    server.on("DELETE", f"{RUNNERS}/5", Say(204))

    runner = await server.client().register_runner("vod-1", MARK)

    assert runner.id == 6
    assert [str(request.url.path) for request in server.requests if request.method == "DELETE"] == [f"{RUNNERS}/5"]


@pytest.mark.parametrize("description", ["somebody else's", "", None])
async def test_somebody_elses_row_of_that_name_is_never_touched(
    server: ScriptedPeerTube, description: str | None
) -> None:
    server.on("POST", REGISTER, problem(400))
    server.on("GET", RUNNERS, page(runner_row(5, "vod-1", description)))

    with pytest.raises(RegistrationFailed) as caught:
        await server.client().register_runner("vod-1", MARK)

    assert caught.value.reason is Reason.NAME_TAKEN
    assert not [request for request in server.requests if request.method == "DELETE"]


async def test_a_refusal_that_has_nothing_to_do_with_the_name_is_told(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, problem(400))
    server.on("GET", RUNNERS, page())

    with pytest.raises(RegistrationFailed, match="refuses the name or the description") as caught:
        await server.client().register_runner("vod-1", MARK)

    assert caught.value.reason is Reason.REGISTRATION_FAILED


async def test_a_name_that_stays_taken_is_not_fought_over(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, problem(400))
    server.on("GET", RUNNERS, page(runner_row(5, "vod-1", MARK)))
    server.on("DELETE", f"{RUNNERS}/5", Say(204))

    with pytest.raises(RegistrationFailed, match="400"):
        await server.client().register_runner("vod-1", MARK)

    assert len(server.asked("POST", REGISTER)) == 2


@pytest.mark.parametrize("answer", [Say(204), problem(404)])
async def test_a_row_is_removed_and_one_that_has_gone_is_fine(server: ScriptedPeerTube, answer: Say) -> None:
    server.on("DELETE", f"{RUNNERS}/5", answer)

    await server.client().delete_runner(5)

    assert len(server.asked("DELETE", f"{RUNNERS}/5")) == 1


async def test_a_row_that_the_server_will_not_remove_is_an_error(server: ScriptedPeerTube) -> None:
    server.on("DELETE", f"{RUNNERS}/5", problem(409))

    with pytest.raises(InvalidResponse, match="409"):
        await server.client().delete_runner(5)


async def test_what_the_server_can_do_is_asked_for_with_the_login_that_lifts_the_rate_limit(
    server: ScriptedPeerTube,
) -> None:
    server.on("GET", CONFIG, Say(body={"serverVersion": "8.2.1", "instance": {}}))

    facts = await server.client().server_facts()

    assert (facts.version, facts.filters_by_type) == ("8.2.1", True)
    assert server.asked("GET", CONFIG)[0].headers["Authorization"] == "Bearer canary-access-1"


async def test_an_upgraded_server_is_asked_again_for_job_types(server: ScriptedPeerTube) -> None:
    server.on("GET", CONFIG, *(Say(body={"serverVersion": version}) for version in ("6.3.0", "6.3.0", "8.2.1")))
    server.on("GET", JOBS, page(job_row()))
    client = server.client()
    await client.server_facts()
    await client.list_jobs([JobState.PENDING], types=["video-transcription"])

    await client.server_facts()
    assert not client.filters_types
    await client.server_facts()
    assert client.filters_types


async def test_a_configuration_that_is_none_is_told(server: ScriptedPeerTube) -> None:
    server.on("GET", CONFIG, problem(404))

    with pytest.raises(InvalidResponse, match="404"):
        await server.client().server_facts()


async def test_a_closed_client_has_forgotten_the_registration_token(server: ScriptedPeerTube) -> None:
    server.on("POST", REGISTER, REGISTERED)
    client = server.client()
    await client.register_runner("vod-1", MARK)

    await client.aclose()

    assert client._registrar._token is None


JOB = "00000000-0000-4000-8000-000000000001"
VIDEO = "00000000-0000-4000-8000-0000000000ff"
CANCEL = f"{JOBS}/{JOB}/cancel"
TRANSCODING = f"/api/v1/videos/{VIDEO}/transcoding"


async def test_a_job_is_cancelled(server: ScriptedPeerTube) -> None:
    server.on("POST", CANCEL, Say(204))

    assert await server.client().cancel_job(JOB)


@pytest.mark.parametrize("status", [400, 404])
async def test_a_job_that_has_gone_or_moved_on_is_no_fault(server: ScriptedPeerTube, status: int) -> None:
    server.on("POST", CANCEL, problem(status))

    assert not await server.client().cancel_job(JOB)


async def test_a_job_is_deleted_and_one_that_has_gone_is_no_fault(server: ScriptedPeerTube) -> None:
    server.on("DELETE", f"{JOBS}/{JOB}", Say(204), problem(404))
    client = server.client()

    assert [await client.delete_job(JOB), await client.delete_job(JOB)] == [True, False]


async def test_other_refusals_of_a_repair_are_told(server: ScriptedPeerTube) -> None:
    server.on("DELETE", f"{JOBS}/{JOB}", problem(400))
    server.on("POST", CANCEL, problem(403))

    with pytest.raises(InvalidResponse):
        await server.client().delete_job(JOB)
    with pytest.raises(InsufficientRights):
        await server.client().cancel_job(JOB)


async def test_a_video_is_transcoded_anew_by_force(server: ScriptedPeerTube) -> None:
    server.on("POST", TRANSCODING, Say(204))

    await server.client().transcode_video(VIDEO, TranscodingKind.WEB_VIDEO)

    (request,) = server.asked("POST", TRANSCODING)
    assert json.loads(request.content) == {"transcodingType": "web-video", "forceTranscoding": True}


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_transcoding_that_is_refused_is_told_with_its_video(server: ScriptedPeerTube, status: int) -> None:
    server.on("POST", TRANSCODING, problem(status))

    with pytest.raises(RepairRefused) as caught:
        await server.client().transcode_video(VIDEO, TranscodingKind.HLS)

    assert caught.value.reason is Reason.REPAIR_REFUSED
    assert VIDEO in caught.value.message
    assert "canary" not in caught.value.message


@pytest.mark.parametrize("odd", ["../../users/1", "", "x" * 36])
async def test_an_id_that_is_no_uuid_never_gets_into_a_path(server: ScriptedPeerTube, odd: str) -> None:
    client = server.client()

    for call in (client.cancel_job(odd), client.delete_job(odd), client.transcode_video(odd, TranscodingKind.HLS)):
        with pytest.raises(RepairRefused) as caught:
            await call
        assert not odd or odd not in caught.value.message
    assert server.requests == []
