"""One API request: body, rate limit and sign-in in the server's order, errors turned into their bodies."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from aiohttp import web

from peers.peertube.completion import Part
from peers.peertube.forms import Form, read_form
from peers.peertube.presentation import Presenter
from peers.peertube.problems import Problem
from peers.peertube.ratelimit import Verdict
from peers.peertube.simulation import SIMULATION, Simulation


class Body(Enum):
    NONE = auto()
    JSON = auto()
    FORM = auto()
    MULTIPART = auto()


class Limit(Enum):
    NONE = auto()
    API = auto()
    LOGIN = auto()


class Access(Enum):
    """Who may call a route."""

    ALL = auto()
    ACCOUNTS = auto()
    RUNNER_MANAGERS = auto()


# The right to manage runners (packages/models/src/users/user-right.enum.ts).
MANAGE_RUNNERS = 29


@dataclass(slots=True, kw_only=True)
class Call:
    """What a handler gets to see."""

    simulation: Simulation
    request: web.Request
    body: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Part] = field(default_factory=dict)
    access_token: str = ""

    @property
    def address(self) -> str:
        return self.request.remote or "unknown"

    @property
    def present(self) -> Presenter:
        return Presenter(self.simulation.profile)

    def path(self, name: str) -> str:
        return self.request.match_info[name]


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    method: str
    path: str
    handler: Handler
    body: Body = Body.NONE
    limit: Limit = Limit.NONE
    access: Access = Access.ALL

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Handle a request of this route."""
        simulation = request.app[SIMULATION]
        call = Call(simulation=simulation, request=request)
        verdict = self._verdict(call)
        form = Form()
        try:
            form = await self._read(call)
            response = self._refuse_excess(call, verdict) or await self._handle(call)
        except Problem as problem:
            response = problem.response(request, simulation.profile)
        finally:
            form.discard()
        if verdict is not None:
            response.headers.update(verdict.headers())
        return response

    async def _handle(self, call: Call) -> web.StreamResponse:
        if self.access is not Access.ALL:
            call.access_token = call.simulation.oauth.authenticate(call.request.headers.get("Authorization"))
        if self.access is Access.RUNNER_MANAGERS:
            _check_right(call)
        return await self.handler(call)

    def _verdict(self, call: Call) -> Verdict | None:
        match self.limit:
            case Limit.API:
                return call.simulation.api_limiter.hit(call.address)
            case Limit.LOGIN:
                return call.simulation.login_limiter.hit(call.address)
            case Limit.NONE:
                return None

    async def _read(self, call: Call) -> Form:
        """Read the body into the call; the form returned is what has to be cleaned up afterwards."""
        form = Form()
        multipart = call.request.content_type.startswith("multipart/")
        if self.body is Body.MULTIPART:
            if not multipart:
                # 8.2.1 looks for files in a body that was never parsed for any.
                raise Problem(500, "Cannot read properties of undefined (reading 'find')")
            form = await read_form(call.request, call.simulation.incoming_directory)
            call.body, call.files = form.fields, form.files
        elif self.body is Body.FORM:
            call.body = {name: str(value) for name, value in (await call.request.post()).items()}
        elif self.body is Body.JSON and not multipart:
            call.body = await _json_object(call.request)
        return form

    def _refuse_excess(self, call: Call, verdict: Verdict | None) -> web.Response | None:
        """The answer to a request over the limit, unless its sender is exempt."""
        if verdict is None or not verdict.exceeded or self._exempt(call):
            return None
        return web.Response(
            status=HTTPStatus.TOO_MANY_REQUESTS,
            text="Too many requests, please try again later.",
            content_type="text/html",
            headers={"Retry-After": str(verdict.reset_seconds)},
        )

    def _exempt(self, call: Call) -> bool:
        """Known runners and signed-in administrators pass; a bad bearer ends in 401 (Problem)."""
        if self.limit is Limit.LOGIN:
            return False
        if call.simulation.runners.find(call.body.get("runnerToken")) is not None:
            return True
        authorization = call.request.headers.get("Authorization")
        if authorization is None:
            return False
        token = call.simulation.oauth.authenticate(authorization)
        return call.simulation.oauth.account_of(token).administrator


def _check_right(call: Call) -> None:
    """The server words it with the path below its router (server/core/middlewares/user-right.ts)."""
    account = call.simulation.oauth.account_of(call.access_token)
    if not account.administrator:
        path = call.request.path.removeprefix("/api/v1/runners") or "/"
        detail = f"User {account.username} does not have right {MANAGE_RUNNERS} to access to {path}."
        raise Problem(403, detail)


async def _json_object(request: web.Request) -> Mapping[str, Any]:
    text = await request.text()
    try:
        document = json.loads(text) if text else {}
    except ValueError as error:
        raise Problem(400, f"The body is no JSON: {error}") from error
    return document if isinstance(document, dict) else {}


def empty() -> web.Response:
    return web.Response(status=HTTPStatus.NO_CONTENT)
