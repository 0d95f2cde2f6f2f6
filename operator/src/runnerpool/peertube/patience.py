"""What one server is spared, by all clients together: calls that it asked us not to make, and logins that fail.

PeerTube allows 15 logins in 5 minutes from one address (server/core/controllers/api/users/token.ts), renewals included,
and all pools of this operator come from one. Times are the event loop's.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from runnerpool.api.reasons import Reason
from runnerpool.peertube.errors import LoginRefused, PeerTubeError, RateLimited, TLSFailed, Unreachable

LOGIN_PAUSE_SECONDS = 60.0
"""After a login that was refused, no other that is known to fail is tried for so long: a third of what is allowed."""
DOUBT_PAUSE_SECONDS = 20.0
"""After a first login that got no proper answer, or was put off: neither says anything of the login itself."""

FAILURES_ALLOWED = 10
FAILURES_WITHIN_SECONDS = 300.0
"""More failed logins than that, by whichever pools, and the server would soon refuse the good ones too."""

# These never reached the server, which should be asked as soon as it is back.
_NOT_COUNTED = (Unreachable, TLSFailed)
_REMEMBERED_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    error: PeerTubeError
    until: float


class Patience:
    """Shared by all clients of one server. A login is known by its digest."""

    def __init__(self) -> None:
        self._calls: _Failure | None = None
        self._logins: _Failure | None = None
        self._failed: dict[bytes, _Failure] = {}
        self._retried_at = float("-inf")
        self._failed_at: deque[float] = deque(maxlen=FAILURES_ALLOWED)
        self._worked: set[bytes] = set()

    def heed(self) -> None:
        """Before any call.

        Raises:
            PeerTubeError: The server asked to be left alone, and the time is not over.
        """
        _raise_until_over(self._calls)

    def heed_for_logins(self) -> None:
        """Before any step of a login.

        Raises:
            PeerTubeError: The server asked for fewer logins, and the time is not over.
        """
        _raise_until_over(self._logins)

    def note_answer(self, error: PeerTubeError, *, login: bool) -> None:
        """Take in how long the server asked to be left alone; while it spares itself logins, other calls may go on."""
        if error.retry_after is None:
            return
        failure = _Failure(error=error, until=_now() + error.retry_after)
        if login:
            self._logins = failure
        else:
            self._calls = failure

    def begin_login(self, login: bytes) -> None:
        """Just before a login is sent. One that has not failed yet may be tried at once.

        Raises:
            PeerTubeError: This login failed lately, or another that was failing was tried again lately, or many failed.
        """
        failure = self._failed.get(login)
        if failure is None:
            if login not in self._worked:
                self._heed_budget()
            return
        until = max(failure.until, self._retried_at + LOGIN_PAUSE_SECONDS)
        _raise_until_over(_Failure(error=failure.error, until=until))
        self._retried_at = _now()

    def login_failed(self, login: bytes, error: PeerTubeError) -> None:
        """A login was sent and failed."""
        if isinstance(error, _NOT_COUNTED):
            return
        now = _now()
        again = login in self._failed
        pause = LOGIN_PAUSE_SECONDS if again or isinstance(error, LoginRefused) else DOUBT_PAUSE_SECONDS
        self._failed = {key: known for key, known in self._failed.items() if now < known.until + _REMEMBERED_SECONDS}
        self._failed[login] = _Failure(error=error, until=now + max(pause, error.retry_after or 0.0))
        self._failed_at.append(now)

    def login_worked(self, login: bytes) -> None:
        """A login was sent and worked: the next one may follow whenever it is needed."""
        self._failed.pop(login, None)
        self._worked.add(login)

    def _heed_budget(self) -> None:
        if len(self._failed_at) == FAILURES_ALLOWED:
            message = (
                f"{FAILURES_ALLOWED} logins at this server failed within {FAILURES_WITHIN_SECONDS / 60:g} minutes, of "
                "whichever pools; correct their Secrets. This one is tried when the server has had a rest"
            )
            error = RateLimited(Reason.RATE_LIMITED, message)
            _raise_until_over(_Failure(error=error, until=self._failed_at[0] + FAILURES_WITHIN_SECONDS))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _raise_until_over(failure: _Failure | None) -> None:
    """Tell the cause again, and how long it will be yet."""
    wait = failure.until - _now() if failure is not None else 0.0
    if failure is not None and wait > 0:
        raise failure.error.again(retry_after=wait)
