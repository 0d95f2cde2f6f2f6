"""An administrator's login at one server: OAuth's password grant, refreshed, kept in memory alone.

PeerTube has no API keys; runners may be managed with an administrator's login only. Every renewal revokes the tokens
before (server/core/lib/auth/oauth-model.ts).
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.errors import (
    BadCredentials,
    InsufficientRights,
    InvalidResponse,
    LoginRefused,
    PeerTubeError,
)
from runnerpool.peertube.grants import Grants
from runnerpool.peertube.patience import LOGIN_PAUSE_SECONDS
from runnerpool.peertube.transport import Answer, Call, Transport
from runnerpool.peertube.wire import WireTokens

# The share of a token's life after which it is renewed, before the server refuses it. Drawn at random, so that
# operators that were started together drift apart.
_RENEW_BETWEEN = (0.8, 0.95)
_RANDOM = secrets.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tokens:
    access: SecretStr
    refresh: SecretStr | None
    renew_at: float


class Session:
    """Makes calls as the administrator. One login serves all callers; they wait for it together."""

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        draw: Callable[[float, float], float] = _RANDOM.uniform,
    ) -> None:
        """Bind a login to a server; nothing is sent yet.

        Raises:
            BadCredentials: The login is for another origin.
        """
        if credentials.origin != transport.address.public:
            raise BadCredentials(
                Reason.SECRET_FOR_ANOTHER_ORIGIN,
                f"the login is for {credentials.origin}, not for {transport.address}; nothing was sent",
            )
        self._transport = transport
        self._patience = transport.patience
        self._login = credentials.digest
        self._grants = Grants(transport, credentials)
        self._draw = draw
        self._lock = asyncio.Lock()
        self._tokens: _Tokens | None = None
        self._failure: PeerTubeError | None = None

    @property
    def server(self) -> str:
        """How messages name the server."""
        return str(self._transport.address)

    async def aclose(self) -> None:
        """Forget the tokens and close all connections."""
        self._tokens = None
        await self._transport.aclose()

    async def request(self, call: Call) -> Answer:
        """Make a call as the administrator; a token that the server refuses is renewed, once.

        Returns:
            The answer, 2xx or 4xx but neither 401 nor 403.

        Raises:
            PeerTubeError: As `Transport.send`; LoginRefused, InsufficientRights.
        """
        tokens = await self._valid_tokens()
        answer = await self._transport.send(call, tokens.access)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            tokens = await self._valid_tokens(refused=tokens)
            answer = await self._transport.send(call, tokens.access)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise self._refused_again(tokens)
        if answer.status == HTTPStatus.FORBIDDEN:
            raise InsufficientRights(
                Reason.INSUFFICIENT_RIGHTS,
                f"{self.server} forbids the account of the Secret to manage runners (403); give it the role "
                "Administrator, or name another account",
                status=answer.status,
            )
        return answer

    def expect_ok(self, answer: Answer) -> Answer:
        """The answer, which must be 2xx.

        Raises:
            InvalidResponse: It is not.
        """
        if not answer.ok:
            raise InvalidResponse(
                Reason.INVALID_RESPONSE,
                f"{self.server} answers {answer.status} to a call that PeerTube 6.3 and newer accept; check the URL, "
                "and what a proxy before the server lets through",
                status=answer.status,
            )
        return answer

    async def _valid_tokens(self, refused: _Tokens | None = None) -> _Tokens:
        """The tokens in force, renewed if their time has come or if they are the ones that were refused.

        Who waited for somebody else's renewal takes its failure for their own: from a server that hangs, each further
        try would cost its whole time limit, one after the other.
        """
        failure = self._failure
        async with self._lock:
            tokens = self._tokens if self._tokens is not refused else None
            now = asyncio.get_running_loop().time()
            if tokens is not None and now < tokens.renew_at:
                return tokens
            try:
                if self._failure is not None and self._failure is not failure:
                    raise self._failure.again(self._failure.retry_after)
                self._tokens = await self._renewed()
            except PeerTubeError as error:
                self._failure = error
                if tokens is None:
                    raise
                # Early renewal failed, which is why it is early: the server still takes the old one.
                self._tokens = tokens
            return self._tokens

    async def _renewed(self) -> _Tokens:
        self._patience.heed_for_logins()
        with self._failures_counted():
            await self._grants.prepare()
        self._patience.begin_login(self._login)
        try:
            with self._failures_counted():
                fresh = await self._granted()
        except PeerTubeError as error:
            self._patience.login_failed(self._login, error)
            raise
        self._patience.login_worked(self._login)
        self._count("success")
        lifetime = fresh.expires_in * self._draw(*_RENEW_BETWEEN)
        # A server that says "one second" is answered by its own 401s, not by a login before each call.
        renew_at = asyncio.get_running_loop().time() + max(lifetime, LOGIN_PAUSE_SECONDS)
        return _Tokens(access=fresh.access_token, refresh=fresh.refresh_token, renew_at=renew_at)

    async def _granted(self) -> WireTokens:
        refresh = self._tokens.refresh if self._tokens is not None else None
        # A refresh token is good for one use, whatever becomes of it.
        self._tokens = None
        fresh = await self._grants.refresh(refresh) if refresh is not None else None
        return fresh if fresh is not None else await self._grants.password()

    def _refused_again(self, tokens: _Tokens) -> LoginRefused:
        error = LoginRefused(
            Reason.CREDENTIALS_REJECTED,
            f"{self.server} logs the account of the Secret in and then refuses the token it gave (401); "
            "see whether the account is blocked, or root logins are disabled",
            status=HTTPStatus.UNAUTHORIZED,
        )
        if self._tokens is tokens:
            self._tokens = None
            self._patience.login_failed(self._login, error)
            self._count(str(error.reason))
        return error

    @contextmanager
    def _failures_counted(self) -> Iterator[None]:
        try:
            yield
        except PeerTubeError as error:
            self._count(str(error.reason))
            raise

    def _count(self, result: str) -> None:
        self._transport.telemetry.peertube_login(self._transport.address.host_header, result)
