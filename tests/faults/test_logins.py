"""Logins that fail, expire or change: told by their cause, spared to the server, and without harm to any pod."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.faults.bystanders import (
    IDLE_SECONDS,
    IDLE_SECONDS_AT_TIME_LIMITS,
    TWO_POLLS_SECONDS,
    Bystanders,
    both_busy,
    heals_and_serves,
    is_told_and_touches_nothing,
    one_busy_one_idle,
    places_of,
)
from support.faults.stage import FaultStage
from support.observer.objects import condition
from support.observer.records import Kind
from support.reliability.case import Case

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

_SECRET = "runners-login"
_LOGIN = {"credentialsRef": {"name": _SECRET}}
_LOGIN_PATH = "/api/v1/users/token"
_LOGIN_ROUTE = f"POST {_LOGIN_PATH}"
_CALL_SECONDS = 10.0
_POLLS_SECONDS = 5.0
_ROTATION_SECONDS = 60.0
_WATCHED_SECONDS = 66.0
_POOLS = [f"vod-{number}" for number in range(1, 6)]
# What belongs to one login comes within so many seconds: a refresh that is refused, then the password.
_ONE_TRY_SECONDS = 2
_PAUSE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An administrator's account of a stage's server, other than the test's own."""

    stage: FaultStage
    name: str = "runners"
    password: str = "first-canary-5bb1f2"

    def exist(self, password: str = "", **change: Any) -> None:
        """Make it, or change it."""
        self.stage.secret_found_nowhere(password or self.password)
        self.stage.server.client.set_account(self.name, password or self.password, **change)

    def write_secret(self, password: str = "") -> None:
        """Name it in the Secret of the pools."""
        login = {"url": self.stage.server.url, "username": self.name, "password": password or self.password}
        self.stage.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _SECRET}, "stringData": login}
        )  # fmt: skip

    def attempts(self) -> tuple[int, int]:
        """Logins that arrived at the server, of whoever: by password, by refresh token."""
        attempts = self.stage.server.client.statistics().login_attempts
        return attempts.get("password", 0), attempts.get("refresh_token", 0)


def make_account(stage: FaultStage) -> Account:
    account = Account(stage=stage)
    account.exist()
    account.write_secret()
    return account


def lock_out(account: Account) -> None:
    account.exist("second-canary-77d0a4")
    account.stage.server.client.revoke_logins()


def correct_the_secret(account: Account) -> None:
    account.write_secret("second-canary-77d0a4")


def ask_for_a_second_factor(account: Account) -> None:
    account.exist(one_time_password="123456")
    account.stage.server.client.revoke_logins()


def name_another_account(account: Account) -> None:
    other = Account(stage=account.stage, name="others", password="other-canary-09ce31")
    other.exist()
    other.write_secret()


def take_the_right_away(account: Account) -> None:
    account.exist(administrator=False)


def give_the_right_back(account: Account) -> None:
    account.exist()


@pytest.mark.parametrize(
    ("spoil", "reason", "mend"),
    [
        pytest.param(
            lock_out, "CredentialsRejected", correct_the_secret, id="a wrong password", marks=pytest.mark.fault("R64")
        ),
        pytest.param(
            ask_for_a_second_factor, "OtpRequired", name_another_account, id="a one-time password",
            marks=pytest.mark.fault("R64"),
        ),
        pytest.param(
            take_the_right_away, "InsufficientRights", give_the_right_back, id="a right that is missing",
            marks=pytest.mark.fault("R65"),
        ),
    ],
)  # fmt: skip
def test_a_login_that_is_no_good_is_told_by_its_cause_touches_no_pod_and_heals_when_mended(
    faults: FaultStage,
    case: Case,
    spoil: Callable[[Account], None],
    reason: str,
    mend: Callable[[Account], None],
) -> None:
    account = make_account(faults)
    pods = one_busy_one_idle(faults, case, **_LOGIN)
    logins, _ = account.attempts()
    spoil(account)
    case.begins()

    is_told_and_touches_nothing(pods, case, reason, within=TWO_POLLS_SECONDS)

    assert (faults.condition("CredentialsValid") or {})["reason"] == reason
    assert account.attempts()[0] - logins <= 1
    mend(account)
    heals_and_serves(faults, case)
    assert places_of(faults, "-canary-") == []


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLogin:
    """A fault of the server's answers to logins alone, and what a pool is to say of it."""

    kind: str
    reason: str
    options: dict[str, Any] = field(default_factory=dict)
    hangs: bool = False


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(
            BadLogin(kind="status", reason="RateLimited", options={"status": 429, "retryAfter": "12"}),
            id="429 with Retry-After", marks=pytest.mark.fault("R66"),
        ),
        pytest.param(
            BadLogin(kind="html", reason="ServerError", options={"status": 502}),
            id="502 with a page of a proxy", marks=pytest.mark.fault("R60"),
        ),
        pytest.param(
            BadLogin(kind="silence", reason="ServerTimeout", hangs=True), id="silence", marks=pytest.mark.fault("R61")
        ),
        pytest.param(
            BadLogin(kind="drip", reason="ServerTimeout", options={"bytesPerSecond": 1}, hangs=True),
            id="a body that drips", marks=pytest.mark.fault("R61"),
        ),
    ],
)  # fmt: skip
def test_a_login_that_gets_a_bad_answer_is_told_by_its_cause_not_tried_again_meanwhile_and_heals(
    faults: FaultStage, case: Case, bad: BadLogin
) -> None:
    account = make_account(faults)
    pods = one_busy_one_idle(
        faults, case, idle_seconds=IDLE_SECONDS_AT_TIME_LIMITS if bad.hangs else IDLE_SECONDS, **_LOGIN
    )
    canary = faults.server.client.put_in_fault(bad.kind, path=_LOGIN_PATH, **bad.options)
    faults.server.client.revoke_logins()
    case.begins()

    within = TWO_POLLS_SECONDS + (_CALL_SECONDS if bad.hangs else 0.0)
    is_told_and_touches_nothing(pods, case, bad.reason, within=within)

    (fault,) = faults.server.client.lift_faults()
    assert fault["met"] == 1
    heals_and_serves(faults, case)
    assert [*places_of(faults, canary), *places_of(faults, account.password)] == []


@pytest.mark.fault("R63")
def test_a_token_that_the_server_lets_expire_costs_one_refresh_no_login_and_is_never_told(
    faults: FaultStage, case: Case
) -> None:
    account = make_account(faults)
    pods = both_busy(faults, case, **_LOGIN)
    logins, refreshes = account.attempts()
    begin = time.time()
    faults.server.inside(lambda simulation: simulation.oauth.expire_all())

    faults.until(lambda: account.attempts()[1] > refreshes, "a refresh", within=15)
    case.healed(time.time() - begin)
    time.sleep(_POLLS_SECONDS)

    assert account.attempts() == (logins, refreshes + 1)
    assert_always_known(pods)


@pytest.mark.fault("R63")
def test_tokens_that_the_server_revokes_cost_one_login_and_are_never_told(faults: FaultStage, case: Case) -> None:
    account = make_account(faults)
    pods = both_busy(faults, case, **_LOGIN)
    logins, refreshes = account.attempts()
    begin = time.time()
    faults.server.client.revoke_logins()

    faults.until(lambda: account.attempts()[0] > logins, "a login", within=15)
    case.healed(time.time() - begin)
    time.sleep(_POLLS_SECONDS)

    assert account.attempts() == (logins + 1, refreshes + 1)
    assert_always_known(pods)


@pytest.mark.fault("R70")
def test_a_password_that_is_rotated_is_used_within_a_minute_and_no_pod_is_touched(
    faults: FaultStage, case: Case
) -> None:
    account = make_account(faults)
    pods = both_busy(faults, case, **_LOGIN)
    logins, refreshes = account.attempts()
    account.exist("rotated-canary-31f9c2")
    begin = time.time()
    account.write_secret("rotated-canary-31f9c2")

    faults.until(lambda: account.attempts()[0] > logins, "a login", within=_ROTATION_SECONDS)
    case.healed(time.time() - begin)
    faults.server.client.enqueue("vod-web-video-transcoding")
    faults.wait_pods(3)

    assert account.attempts() == (logins + 1, refreshes)
    assert faults.server.client.statistics().logins.get("failed", 0) == 0
    assert pods.uids.items() <= {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in faults.pods()}.items()
    assert places_of(faults, "-canary-") == []


@pytest.mark.fault("R63", "R64")
def test_five_pools_of_a_server_share_one_login_and_while_it_fails_one_try_a_minute(
    faults: FaultStage, case: Case
) -> None:
    account = make_account(faults)
    case.watch(faults.observer, faults.namespace)
    logins, refreshes = account.attempts()
    for name in _POOLS:
        faults.pool(name, server=_LOGIN)
    for name in _POOLS:
        faults.wait_condition("Ready", status="True", pool=name, within=30)
    assert account.attempts()[0] == logins + 1

    lock_out(account)
    begin = time.time()
    case.begins()
    for name in _POOLS:
        case.tells("CredentialsRejected", pool=name, within=TWO_POLLS_SECONDS)
    time.sleep(max(0.0, begin + _WATCHED_SECONDS - time.time()))

    first, *others = tries(account, since=begin)
    assert len(others) == 1
    assert others[0] - first >= _PAUSE_SECONDS - 1  # the journal tells whole seconds
    # A refresh that is refused and a password, and after a minute the password again.
    assert [now - before for now, before in zip(account.attempts(), (logins + 1, refreshes), strict=True)] == [2, 1]
    logins, _ = account.attempts()
    correct_the_secret(account)
    case.cured()
    case.heals()
    for name in _POOLS:
        faults.wait_condition("Ready", status="True", pool=name, within=30)
    assert account.attempts()[0] == logins + 1


def tries(account: Account, *, since: float) -> list[int]:
    """The seconds in which a login was tried, the first of each try, in order."""
    seconds = account.stage.server.client.statistics().seconds.get(_LOGIN_ROUTE, {})
    begins: list[int] = []
    for second in sorted(second for second in seconds if second >= int(since)):
        if not begins or second - begins[-1] > _ONE_TRY_SECONDS:
            begins.append(second)
    return begins


def assert_always_known(pods: Bystanders) -> None:
    """Once the queue was known, it stayed so, and no pod was touched."""
    stage = pods.stage
    versions = [version for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POOL]
    told = [condition(version.body, "QueueReachable").get("status") for version in versions]
    assert "False" not in told[told.index("True") :]
    pods.assert_untouched()
