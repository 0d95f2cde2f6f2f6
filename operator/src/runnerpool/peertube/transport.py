"""One HTTP call to a PeerTube server: bounded in time and size, never redirected, every failure named."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.errors import (
    InvalidResponse,
    NotLeading,
    PeerTubeError,
    RateLimited,
    Redirected,
    ServerFailed,
    TimedOut,
    Unreachable,
)
from runnerpool.peertube.failures import connection_failure
from runnerpool.peertube.patience import Patience
from runnerpool.peertube.retry_after import retry_after_seconds
from runnerpool.peertube.telemetry import Operation, Telemetry

TOTAL_TIMEOUT_SECONDS = 10.0
"""For a whole call, from the name lookup to the last byte of the body."""
BODY_LIMIT_BYTES = 5 * 1024 * 1024
"""A page of 100 jobs is about 100 kB (recorded on 8.2.1)."""

CONNECTIONS = 4
"""Calls at a time to one server."""

_KNOWN_CODES = frozenset(HTTPStatus)
_LOGIN_STEPS = frozenset({Operation.OAUTH_CLIENT, Operation.LOGIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask. A list in `params` repeats its key; `form` and `json` may hold secrets, so they are never shown."""

    operation: Operation
    method: str
    path: str
    params: Mapping[str, str | int | list[str]] | None = None
    form: Mapping[str, str] | None = None
    json: Mapping[str, str | bool] | None = None

    def __repr__(self) -> str:
        return f"Call({self.method} {self.path})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 2xx or 4xx answer (429 excepted), read to its end. Its body may hold tokens and is never shown."""

    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes)"

    @property
    def ok(self) -> bool:
        """The server did what it was asked."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES


class Transport:
    """Makes calls to one server; several at once are fine."""

    def __init__(
        self,
        address: ServerAddress,
        http: httpx.AsyncClient,
        telemetry: Telemetry,
        *,
        patience: Patience | None = None,
        may_write: Callable[[], bool] = lambda: True,
        total_timeout: float = TOTAL_TIMEOUT_SECONDS,
    ) -> None:
        """Bind an HTTP client to its server.

        Args:
            address: Where the server is.
            http: Made by `open_http`.
            telemetry: Where calls are counted.
            patience: What all clients of this server heed; one of its own by default.
            may_write: Asked right before each call that is no GET is sent; False: it is not.
            total_timeout: For a whole call, in seconds.
        """
        self.address = address
        self.telemetry = telemetry
        self.patience = patience or Patience()
        self._http = http
        self._may_write = may_write
        self._total_timeout = total_timeout
        self._closed = False
        # Waiting for a free connection is our own doing and must not count as the server's slowness.
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def aclose(self) -> None:
        """Close all connections; later calls fail."""
        self._closed = True
        await self._http.aclose()

    async def send(self, call: Call, bearer: SecretStr | None = None) -> Answer:
        """Make one call; 2xx and 4xx come back, all else is an error.

        Raises:
            PeerTubeError: Unreachable, TimedOut, TLSFailed, Redirected, RateLimited, ServerFailed (both also without a
                call, until the time is over that the server asked for), InvalidResponse, NotLeading.
        """
        async with self._room:
            self._check_open()
            self._check_leads(call)
            return await self._counted(call, bearer)

    def _check_open(self) -> None:
        if self._closed:
            raise Unreachable(
                Reason.SERVER_UNREACHABLE, f"the way to {self.address} has been closed, as its login is in use no more"
            )
        self.patience.heed()

    def _check_leads(self, call: Call) -> None:
        if call.method != "GET" and not self._may_write():
            message = f"{self.address} was not asked to change anything: this replica leads no more"
            raise NotLeading(Reason.NOT_LEADING, message)

    async def _counted(self, call: Call, bearer: SecretStr | None) -> Answer:
        began = time.monotonic()
        code = "cancelled"
        try:
            answer = await self._bounded(call, bearer)
            code = _code_label(answer.status)
        except PeerTubeError as error:
            code = str(error.reason) if error.status is None else _code_label(error.status)
            self.patience.note_answer(error, login=call.operation in _LOGIN_STEPS)
            raise
        finally:
            seconds = time.monotonic() - began
            self.telemetry.peertube_request(self.address.host_header, call.operation, code, seconds)
        return answer

    async def _bounded(self, call: Call, bearer: SecretStr | None) -> Answer:
        try:
            async with asyncio.timeout(self._total_timeout):
                return await self._exchange(call, bearer)
        except (TimeoutError, httpx.TimeoutException):
            raise TimedOut(
                Reason.SERVER_TIMEOUT,
                f"{self.address} gives no full answer within {self._total_timeout:g} s; see whether it is overloaded, "
                "or whether a network policy is in the way",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            # Not chained: parsers quote what they could not read.
            raise connection_failure(error, self.address) from None

    async def _exchange(self, call: Call, bearer: SecretStr | None) -> Answer:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer.get_secret_value()}"}
        async with self._http.stream(
            call.method, call.path, params=call.params, data=call.form, json=call.json, headers=headers
        ) as response:
            self._check_status(response.status_code, response.headers.get("Retry-After"))
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise self._invalid("is compressed though it was asked for plain")
            return Answer(status=response.status_code, body=await self._limited_body(response))

    async def _limited_body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                raise self._invalid(f"is longer than {BODY_LIMIT_BYTES >> 20} MiB")
        return bytes(body)

    def _check_status(self, status: int, retry_after: str | None) -> None:
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._rate_limited(retry_after_seconds(retry_after), status)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServerFailed(
                Reason.SERVER_ERROR,
                f"{self.address} answers {status}; see its log, or that of a proxy before it",
                retry_after=retry_after_seconds(retry_after),
                status=status,
            )
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise Redirected(
                Reason.REDIRECTED,
                f"{self.address} answers with a redirect ({status}), which is not followed; set the URL it leads to",
                status=status,
            )

    def _rate_limited(self, wait: float | None, status: int | None = None) -> RateLimited:
        return RateLimited(
            Reason.RATE_LIMITED,
            f"{self.address} asks for fewer calls (429); it is left alone for the time that it names",
            retry_after=wait,
            status=status,
        )

    def _invalid(self, what: str) -> InvalidResponse:
        return InvalidResponse(
            Reason.INVALID_RESPONSE,
            f"the answer of {self.address} {what}; check that the URL is that of a PeerTube server",
        )


def _code_label(status: int) -> str:
    """The status; `other` for a number that HTTP does not know, since a label's values must be few."""
    return str(status) if status in _KNOWN_CODES else "other"
