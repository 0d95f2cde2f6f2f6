"""Client credentials, password and refresh grants (server/core/lib/auth/oauth.ts)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from peers.peertube.accounts import ROOT, Account, same
from peers.peertube.clock import Clock
from peers.peertube.journal import Journal
from peers.peertube.problems import Problem
from peers.peertube.profile import ServerProfile
from peers.peertube.records import JSON

ONE_TIME_PASSWORD = "x-peertube-otp"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    username: str
    access: str
    refresh: str
    access_ends: float
    refresh_ends: float


class OAuth:
    """The instance's accounts, and the tokens handed out to them. In the beginning there is `root` alone.

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
        self._accounts = {ROOT: Account(username=ROOT, password=password)}
        self._pairs: dict[str, TokenPair] = {}

    def set_account(self, account: Account) -> None:
        """Make an account, or change the one of that name; its tokens stay good."""
        self._accounts[account.username] = account

    def grant(self, form: Mapping[str, str], one_time_password: str | None = None) -> JSON:
        """Answer a token request.

        Raises:
            Problem: Wrong client, user, password, one-time password or refresh token, or an unknown grant.
        """
        try:
            pair = self._granted(form, one_time_password)
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

    def account_of(self, access_token: str) -> Account:
        """Whose token it is; the token was seen to be good."""
        return self._accounts[self._pairs[access_token].username]

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

    @property
    def tokens(self) -> list[TokenPair]:
        """All pairs that are known, good or out of date."""
        return list(self._pairs.values())

    def revoke(self, access_token: str) -> None:
        self._pairs.pop(access_token, None)

    def revoke_all(self) -> None:
        """What a security release does to every session."""
        self._pairs.clear()

    def expire_all(self) -> None:
        """Let every access token run out now, as it does in a day; its refresh token stays good."""
        now = self._clock.monotonic()
        self._pairs = {access: replace(pair, access_ends=now) for access, pair in self._pairs.items()}

    def _granted(self, form: Mapping[str, str], one_time_password: str | None) -> TokenPair:
        if not (same(form.get("client_id"), self.client_id) and same(form.get("client_secret"), self.client_secret)):
            raise _refused("invalid_client", "Invalid client: client is invalid")
        match form.get("grant_type"):
            case "password":
                return self._by_password(form, one_time_password)
            case "refresh_token":
                return self._by_refresh_token(form)
        raise _refused("unsupported_grant_type", "Unsupported grant type: `grant_type` is invalid")

    def _by_password(self, form: Mapping[str, str], one_time_password: str | None) -> TokenPair:
        account = self._accounts.get(form.get("username", ""))
        if account is None or not account.opens(form.get("password")):
            raise _refused("invalid_grant", "Invalid grant: user credentials are invalid")
        _check_second_factor(account, one_time_password)
        self._journal.logins["password"] += 1
        return self._issue(account.username)

    def _by_refresh_token(self, form: Mapping[str, str]) -> TokenPair:
        now = self._clock.monotonic()
        for pair in self._pairs.values():
            if same(form.get("refresh_token"), pair.refresh) and pair.refresh_ends > now:
                del self._pairs[pair.access]
                self._journal.logins["refresh"] += 1
                return self._issue(pair.username)
        raise _refused("invalid_grant", "Invalid grant: refresh token is invalid")

    def _issue(self, username: str) -> TokenPair:
        now = self._clock.monotonic()
        self._pairs = {access: pair for access, pair in self._pairs.items() if pair.refresh_ends > now}
        pair = TokenPair(
            username=username,
            access=secrets.token_hex(20),
            refresh=secrets.token_hex(20),
            access_ends=now + self.access_token_seconds,
            refresh_ends=now + self._refresh_token_seconds,
        )
        self._pairs[pair.access] = pair
        return pair


def _check_second_factor(account: Account, given: str | None) -> None:
    """Whoever refreshes a token is not asked again."""
    if account.one_time_password is None:
        return
    if not given:
        problem = _refused("missing_two_factor", "Missing two factor header", status=401)
        problem.headers[ONE_TIME_PASSWORD] = "required; app"
        raise problem
    if not same(given, account.one_time_password):
        raise _refused("invalid_two_factor", "Invalid two factor header")


def _refused(code: str, detail: str, status: int = 400) -> Problem:
    return Problem(status, detail, code=code, docs="getOAuthToken")
