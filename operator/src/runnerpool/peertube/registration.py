"""Registering runners, which takes one of the server's registration tokens.

The token is known to this process only, and in memory only: whoever holds it can add runners. Deleting it on the server
deletes every runner that was registered with it, so we never do.
"""

from http import HTTPStatus

from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.accounts import RegisteredRunner
from runnerpool.peertube.errors import RegistrationFailed
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import Answer, Call
from runnerpool.peertube.wire import WireRegistered, WireRegistrationTokens, decode

_REGISTER = "/api/v1/runners/register"
_TOKENS = "/api/v1/runners/registration-tokens"


class Registrar:
    """Registers runners with the newest registration token of the server."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._token: SecretStr | None = None

    async def register(self, name: str, description: str) -> Answer:
        """Ask for a registration; a registration token that has gone since it was read is read anew, once.

        Raises:
            PeerTubeError: As `Session.request`; RegistrationFailed.
        """
        answer = await self._register_with(await self._newest_token(), name, description)
        if answer.status == HTTPStatus.NOT_FOUND:
            self._token = None
            answer = await self._register_with(await self._newest_token(), name, description)
        return answer

    def registered(self, answer: Answer) -> RegisteredRunner:
        """The runner that an answer tells of.

        Raises:
            RegistrationFailed: It was refused.
            InvalidResponse: The answer is not PeerTube's.
        """
        if not answer.ok:
            raise self._failed(f"it answers {answer.status}; see its log", answer.status)
        registered = decode(WireRegistered, answer.body, self._session.server)
        return RegisteredRunner(id=registered.id, token=registered.runner_token)

    async def _register_with(self, token: SecretStr, name: str, description: str) -> Answer:
        body = {"registrationToken": token.get_secret_value(), "name": name, "description": description}
        # The administrator's login is not asked for here; it lifts the rate limit of 50 calls in 10 s (measured).
        return await self._session.request(Call(operation=Operation.REGISTER, method="POST", path=_REGISTER, json=body))

    async def _newest_token(self) -> SecretStr:
        """The newest registration token, kept for the next time; one is generated if there is none."""
        if self._token is None:
            self._token = await self._list()
        if self._token is None:
            call = Call(operation=Operation.REGISTRATION_TOKEN, method="POST", path=f"{_TOKENS}/generate")
            self._session.expect_ok(await self._session.request(call))
            # That answer has no body: the list tells.
            self._token = await self._list()
        if self._token is None:
            raise self._failed("it has no registration token and generates none")
        return self._token

    async def _list(self) -> SecretStr | None:
        params: dict[str, str | int | list[str]] = {"start": 0, "count": 1, "sort": "-createdAt"}
        answer = await self._session.request(
            Call(operation=Operation.REGISTRATION_TOKEN, method="GET", path=_TOKENS, params=params)
        )
        listed = decode(WireRegistrationTokens, self._session.expect_ok(answer).body, self._session.server).data
        return max(listed, key=lambda token: token.created_at).registration_token if listed else None

    def _failed(self, why: str, status: int | None = None) -> RegistrationFailed:
        message = f"a runner cannot be registered at {self._session.server}: {why}"
        return RegistrationFailed(Reason.REGISTRATION_FAILED, message, status=status)
