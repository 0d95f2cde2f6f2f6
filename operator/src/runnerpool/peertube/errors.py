"""What can go wrong between us and a PeerTube server, as a closed set.

Messages are fixed texts with a status code and a remedy at most. Nothing that the server sent is ever repeated: they
end up in status and events, where a pool's author could otherwise read what a chosen URL answers to the operator.
"""

from typing import Self

from runnerpool.api.reasons import Reason


class PeerTubeError(Exception):
    """A call to a PeerTube server failed, or was not made.

    Attributes:
        reason: From the closed list.
        message: Object, cause and remedy, for people.
        retry_after: Seconds before which another call is pointless; None if nobody said.
        status: The HTTP status, if there was one.
    """

    def __init__(
        self, reason: Reason, message: str, *, retry_after: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.status = status

    def again(self, retry_after: float | None) -> Self:
        """The same failure for another caller, to whom it is told without a call."""
        return type(self)(self.reason, self.message, retry_after=retry_after, status=self.status)


class Unreachable(PeerTubeError):
    """No connection, or one that broke: refused, no route, unknown name, closed early, not HTTP."""


class TimedOut(PeerTubeError):
    """No full answer in time."""


class TLSFailed(PeerTubeError):
    """The server's certificate is not accepted, or TLS could not be agreed on."""


class Redirected(PeerTubeError):
    """The server answers with a redirect, which is never followed: it would carry the login elsewhere."""


class RateLimited(PeerTubeError):
    """The server asks for patience (429)."""


class ServerFailed(PeerTubeError):
    """The server, or a proxy before it, answers 5xx."""


class InvalidResponse(PeerTubeError):
    """The answer is not what PeerTube answers."""


class WrongHost(PeerTubeError):
    """The server does not know itself under the public name that we call it by."""


class LoginRefused(PeerTubeError):
    """The server does not log this account in, or not without a one-time password."""


class LoginBlocked(PeerTubeError):
    """Something refuses the login, and it is not PeerTube's own judgement of the account: a proxy, say."""


class InsufficientRights(PeerTubeError):
    """The account is logged in and may not manage runners."""


class NotLeading(PeerTubeError):
    """The write was not sent: another replica of the operator may be the one that acts."""


class RegistrationFailed(PeerTubeError):
    """A runner could not be registered."""


class RepairRefused(PeerTubeError):
    """The server would not do to a job or a video what a repair asks for."""


class BadSecret(PeerTubeError):
    """A Secret of the pool's author is no good as it stands: nothing was sent."""


class BadCredentials(BadSecret):
    """The login cannot be read, or is for another server."""


class BadCaBundle(BadSecret):
    """The authorities to trust cannot be read."""
