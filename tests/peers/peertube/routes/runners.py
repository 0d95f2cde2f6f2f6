"""Runners and registration tokens (server/core/controllers/api/runners/manage-runners.ts, registration-tokens.ts)."""

from aiohttp import web

from peers.peertube.call import Access, Body, Call, Limit, Route, empty
from peers.peertube.parameters import Page, optional_text_field, text_field
from peers.peertube.problems import Invalid
from peers.peertube.records import RegistrationToken, Runner

LONGEST_NAME = 100
LONGEST_DESCRIPTION = 1000
LONGEST_TOKEN = 1000


async def register(call: Call) -> web.Response:
    knows_versions = call.simulation.profile.tells_runner_version
    runner = call.simulation.runners.register(
        registration_token=text_field(call.body, "registrationToken", LONGEST_TOKEN),
        name=text_field(call.body, "name", LONGEST_NAME),
        description=optional_text_field(call.body, "description", LONGEST_DESCRIPTION),
        version=optional_text_field(call.body, "version", LONGEST_NAME) if knows_versions else None,
        ip=call.address,
    )
    return web.json_response({"id": runner.id, "runnerToken": runner.token})


async def unregister(call: Call) -> web.Response:
    registry = call.simulation.runners
    registry.unregister(registry.by_token(call.body.get("runnerToken")))
    return empty()


async def list_runners(call: Call) -> web.Response:
    page = Page(call.request.query, call.simulation.profile, ("createdAt",))
    runners = sorted(call.simulation.runners.runners, key=_age, reverse=page.descending)
    shown = runners[page.start : page.start + page.count]
    return web.json_response({"total": len(runners), "data": [call.present.runner(runner) for runner in shown]})


def _age(row: Runner | RegistrationToken) -> tuple[object, int]:
    return (row.created_at, row.id)


async def delete_runner(call: Call) -> web.Response:
    call.simulation.runners.delete(_number(call, "runnerId"))
    return empty()


async def list_tokens(call: Call) -> web.Response:
    page = Page(call.request.query, call.simulation.profile, ("createdAt",))
    registry = call.simulation.runners
    tokens = sorted(registry.tokens, key=_age, reverse=page.descending)
    shown = tokens[page.start : page.start + page.count]
    rows = [call.present.registration_token(token, len(registry.registered_with(token.id))) for token in shown]
    return web.json_response({"total": len(tokens), "data": rows})


async def generate_token(call: Call) -> web.Response:
    call.simulation.runners.generate_token()
    return empty()


async def delete_token(call: Call) -> web.Response:
    call.simulation.runners.delete_token(_number(call, "id"))
    return empty()


def _number(call: Call, name: str) -> int:
    text = call.path(name)
    if not text.isdecimal():
        raise Invalid(name, text, where="params")
    return int(text)


TOKENS = "/api/v1/runners/registration-tokens"
MANAGERS = Access.RUNNER_MANAGERS
ROUTES = (
    Route(method="POST", path="/api/v1/runners/register", handler=register, body=Body.JSON, limit=Limit.API),
    Route(method="POST", path="/api/v1/runners/unregister", handler=unregister, body=Body.JSON, limit=Limit.API),
    Route(method="GET", path="/api/v1/runners", handler=list_runners, limit=Limit.API, access=MANAGERS),
    Route(method="DELETE", path="/api/v1/runners/{runnerId}", handler=delete_runner, limit=Limit.API, access=MANAGERS),
    Route(method="GET", path=TOKENS, handler=list_tokens, limit=Limit.API, access=MANAGERS),
    Route(method="POST", path=f"{TOKENS}/generate", handler=generate_token, limit=Limit.API, access=MANAGERS),
    Route(method="DELETE", path=f"{TOKENS}/{{id}}", handler=delete_token, limit=Limit.API, access=MANAGERS),
)
