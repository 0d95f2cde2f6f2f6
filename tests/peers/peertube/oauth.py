"""Client credentials, password and refresh grants (server/core/lib/auth/oauth.ts)."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from peers.peertube.clock import Clock
from peers.peertube.journal import Journal
from peers.peertube.problems import Problem
from peers.peertube.profile import ServerProfile
from peers.peertube.records import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    access: str
    refresh: str
    access_ends: float
    refresh_ends: float


class OAuth:
    """The instance's one administrator, and the tokens handed out to it.

    Attributes:
        access_token_seconds: Life of tokens issued from now on; tests shorten it.
    """

    def __init__(self, *, profile: ServerProfile, clock: Clock, journal: Journal, password: str) -> None:
        self.client_id = secrets.token_hex(16)
        self.client_secret = secrets.token_hex(16)
        self.access_token_seconds = profile.access_token_seconds
        self._refresh_token_seconds = profile.refresh_token_seconds
        self._clock = clock
        self._journal = journal
        self._password = password
        self._pairs: dict[str, TokenPair] = {}

    def grant(self, form: Mapping[str, str]) -> JSON:
        """Answer a token request.

        Raises:
            Problem: Wrong client, user, password or refresh token, or an unknown grant.
        """
        try:
            pair = self._granted(form)
        except Problem:
            self._journal.logins["failed"] += 1
            raise
        return {
            "token_type": "Bearer",
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            # The server rounds down what is left a moment after it was issued.
            "expires_in": int(pair.access_ends - self._clock.monotonic() - 0.001),
            "refresh_token_expires_in": int(pair.refresh_ends - self._clock.monotonic() - 0.001),
        }

    def authenticate(self, authorization: str | None) -> str:
        """The access token of a request.

        Raises:
            Problem: 401; no bearer at all, or one that is unknown, revoked or too old.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Problem(401, "Token is invalid", code="unauthorized_request")
        pair = self._pairs.get(token)
        if pair is None or pair.access_ends <= self._clock.monotonic():
            raise Problem(401, "Token is invalid", code="invalid_token")
        return token

    def revoke(self, access_token: str) -> None:
        self._pairs.pop(access_token, None)

    def revoke_all(self) -> None:
        """What a security release does to every session."""
        self._pairs.clear()

    def _granted(self, form: Mapping[str, str]) -> TokenPair:
        if not (_same(form.get("client_id"), self.client_id) and _same(form.get("client_secret"), self.client_secret)):
            raise _refused("invalid_client", "Invalid client: client is invalid")
        match form.get("grant_type"):
            case "password":
                return self._by_password(form)
            case "refresh_token":
                return self._by_refresh_token(form)
        raise _refused("unsupported_grant_type", "Unsupported grant type: `grant_type` is invalid")

    def _by_password(self, form: Mapping[str, str]) -> TokenPair:
        if form.get("username") != "root" or not _same(form.get("password"), self._password):
            raise _refused("invalid_grant", "Invalid grant: user credentials are invalid")
        self._journal.logins["password"] += 1
        return self._issue()

    def _by_refresh_token(self, form: Mapping[str, str]) -> TokenPair:
        now = self._clock.monotonic()
        for pair in self._pairs.values():
            if _same(form.get("refresh_token"), pair.refresh) and pair.refresh_ends > now:
                del self._pairs[pair.access]
                self._journal.logins["refresh"] += 1
                return self._issue()
        raise _refused("invalid_grant", "Invalid grant: refresh token is invalid")

    def _issue(self) -> TokenPair:
        now = self._clock.monotonic()
        self._pairs = {access: pair for access, pair in self._pairs.items() if pair.refresh_ends > now}
        pair = TokenPair(
            access=secrets.token_hex(20),
            refresh=secrets.token_hex(20),
            access_ends=now + self.access_token_seconds,
            refresh_ends=now + self._refresh_token_seconds,
        )
        self._pairs[pair.access] = pair
        return pair


def _same(given: str | None, expected: str) -> bool:
    return hmac.compare_digest((given or "").encode(), expected.encode())


def _refused(code: str, detail: str) -> Problem:
    return Problem(400, detail, code=code, docs="getOAuthToken")
