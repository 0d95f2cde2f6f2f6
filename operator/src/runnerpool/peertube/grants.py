"""The three calls of a login: the server's OAuth client, the password grant, the refresh grant."""

from http import HTTPStatus

from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.errors import InvalidResponse, LoginBlocked, LoginRefused, PeerTubeError, WrongHost
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import Answer, Call, Transport
from runnerpool.peertube.wire import WireOAuthClient, WireTokens, decode, problem_code

_CLIENT_PATH = "/api/v1/oauth-clients/local"
_TOKEN_PATH = "/api/v1/users/token"  # noqa: S105 - a path
_INVALID_CLIENT = "invalid_client"
_MISSING_TWO_FACTOR = "missing_two_factor"
# PeerTube refuses an account with 400 and 403; with 401 only if it wants a one-time password (recordings 05 to 09).
_NOT_PEERTUBES = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND})
_NEXT_TRY = "It is tried again once a minute, and at once when the Secret has changed"


class Grants:
    """Trades a login for tokens. The OAuth client is asked for once, and again when the server has changed it."""

    def __init__(self, transport: Transport, credentials: Credentials) -> None:
        self._transport = transport
        self._credentials = credentials
        self._client: WireOAuthClient | None = None

    async def prepare(self) -> None:
        """Have the server's OAuth client at hand, which counts for no login.

        Raises:
            PeerTubeError: As `Transport.send`; WrongHost, LoginBlocked, InvalidResponse.
        """
        if self._client is None:
            self._client = await self._fetch_client()

    async def password(self) -> WireTokens:
        """Log in.

        Raises:
            PeerTubeError: As `prepare`; LoginRefused.
        """
        answer = await self._grant(
            {
                "grant_type": "password",
                "username": self._credentials.username,
                "password": self._credentials.password.get_secret_value(),
            }
        )
        if not answer.ok:
            raise self._refusal(answer)
        return decode(WireTokens, answer.body, self._transport.address)

    async def refresh(self, token: SecretStr) -> WireTokens | None:
        """Renew a login; None if the server no longer knows its refresh token, so that a new login is due.

        Raises:
            PeerTubeError: As `password`.
        """
        answer = await self._grant({"grant_type": "refresh_token", "refresh_token": token.get_secret_value()})
        return decode(WireTokens, answer.body, self._transport.address) if answer.ok else None

    async def _grant(self, form: dict[str, str]) -> Answer:
        answer = await self._ask(form)
        if not answer.ok and problem_code(answer.body) == _INVALID_CLIENT:
            self._client = None  # The server was set up anew or restored.
            answer = await self._ask(form)
        return answer

    async def _ask(self, form: dict[str, str]) -> Answer:
        client = self._client or await self._fetch_client()
        identity = {"client_id": client.client_id, "client_secret": client.client_secret.get_secret_value()}
        # Kept only if the server answers: else the next login begins with a call that shows whether it is back.
        self._client = None
        answer = await self._transport.send(
            Call(operation=Operation.LOGIN, method="POST", path=_TOKEN_PATH, form=identity | form)
        )
        self._client = client
        return answer

    async def _fetch_client(self) -> WireOAuthClient:
        answer = await self._transport.send(Call(operation=Operation.OAUTH_CLIENT, method="GET", path=_CLIENT_PATH))
        if answer.status == HTTPStatus.FORBIDDEN:
            address = self._transport.address
            raise WrongHost(
                Reason.WRONG_HOST,
                f"{address} does not know itself as {address.host_header} (403); set spec.server.url to the origin "
                "that its configuration has under webserver, and spec.server.internalUrl to where it is called",
                status=answer.status,
            )
        if not answer.ok:
            raise self._no_peertube(answer)
        return decode(WireOAuthClient, answer.body, self._transport.address)

    def _refusal(self, answer: Answer) -> PeerTubeError:
        code = problem_code(answer.body)
        if answer.status == HTTPStatus.UNAUTHORIZED and code == _MISSING_TWO_FACTOR:
            return LoginRefused(
                Reason.OTP_REQUIRED,
                f"{self._transport.address} asks for a one-time password; name an account without two-factor "
                f"authentication. {_NEXT_TRY}",
                status=answer.status,
            )
        if answer.status in _NOT_PEERTUBES:
            # As after no answer: the next login begins with a call that shows whether the server is back.
            self._client = None
            return self._no_peertube(answer)
        return LoginRefused(
            Reason.CREDENTIALS_REJECTED,
            f"{self._transport.address} does not log the account of the Secret in ({answer.status}); correct its "
            f"username and password, and see whether the account is blocked. {_NEXT_TRY}",
            status=answer.status,
        )

    def _no_peertube(self, answer: Answer) -> PeerTubeError:
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return LoginBlocked(
                Reason.CREDENTIALS_REJECTED,
                f"{self._transport.address} answers the login with {answer.status}, which PeerTube itself does not; "
                "see what a proxy before it asks for",
                status=answer.status,
            )
        return InvalidResponse(
            Reason.INVALID_RESPONSE,
            f"{self._transport.address} does not offer PeerTube's login ({answer.status}); check the URL",
            status=answer.status,
        )
