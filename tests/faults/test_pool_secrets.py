"""Secrets that a pool names and that are no good: told by their cause and the remedy, and no pod is touched.

The same for pods at work, and for a pool that was made with such a Secret.
"""

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from peers.peertube.simulation import Simulation
from support.faults.bystanders import (
    HEAL_SECONDS,
    LASTS_SECONDS,
    TELL_SECONDS,
    heals_and_serves,
    is_told_and_touches_nothing,
    one_busy_one_idle,
)
from support.faults.stage import FaultStage
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO
from support.tls import PrivateCa

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

LOGIN, BUNDLE = "login", "video-ca"
_SERVER = {"credentialsRef": {"name": LOGIN}, "caBundleRef": {"name": BUNDLE}}
_BY_HAND = "uploader"

Change = Callable[[FaultStage], None]


@dataclass(frozen=True, slots=True)
class BadSecret:
    """What is wrong with a Secret, and what a pool is to say of it."""

    make: Change
    reason: str
    remedy: str


def deleted(name: str) -> Change:
    return lambda stage: stage.delete_secret(name)


def with_data(name: str, **data: bytes | None) -> Change:
    """Keys changed, or removed by None."""
    encoded = {key: value if value is None else base64.b64encode(value).decode() for key, value in data.items()}
    return lambda stage: stage.writer.patch(secret(name, {}), {"data": encoded})


_ADD_KEY = "Secret {namespace}/login has no key password, or it is empty; add it"

BAD_SECRETS = {
    "no Secret": BadSecret(
        deleted(LOGIN),
        "SecretNotFound",
        "Secret {namespace}/login does not exist; create it with the keys url, username and password",
    ),
    "a key missing": BadSecret(with_data(LOGIN, password=None), "SecretKeyMissing", _ADD_KEY),
    "a key emptied": BadSecret(with_data(LOGIN, password=b"\n"), "SecretKeyMissing", _ADD_KEY),
    "a login for another server": BadSecret(
        with_data(LOGIN, url=b"https://other.example.org"),
        "SecretForAnotherOrigin",
        "nothing was sent to the server. Correct the key, or spec.server.url, or name another Secret",
    ),
    "no CA bundle": BadSecret(
        deleted(BUNDLE), "CaBundleNotFound", "put certificates in PEM into Secret {namespace}/video-ca, key ca.crt"
    ),
    "a CA bundle that is not PEM": BadSecret(
        with_data(BUNDLE, **{"ca.crt": b"not PEM"}),
        "CaBundleInvalid",
        "Secret {namespace}/video-ca, key ca.crt: the CA bundle holds no certificate in PEM",
    ),
}
_FROM_THE_BEGINNING = ("no Secret", "a login for another server", "no CA bundle")
_STUDY = {"no Secret": ("R69", "R71")}
_CASES = [
    pytest.param(bad, id=name, marks=pytest.mark.fault(*_STUDY.get(name, ("R69",))))
    for name, bad in BAD_SECRETS.items()
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """The Secrets as they should be."""

    stage: FaultStage
    ca: str

    def apply(self) -> None:
        stage = self.stage
        login = {"url": stage.server.url, "username": "root", "password": stage.server.password}
        stage.apply(secret(LOGIN, login))
        stage.apply(secret(BUNDLE, {"ca.crt": self.ca}))


def secret(name: str, values: dict[str, str]) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


@pytest.fixture
def cure(faults: FaultStage, tmp_path: Path) -> Cure:
    """Both Secrets are there, and good."""
    # The server does not ask for it: whether a bundle can be read is all that counts here.
    made = Cure(stage=faults, ca=PrivateCa(tmp_path / "ca").pem)
    made.apply()
    return made


@pytest.mark.parametrize("bad", _CASES)
def test_a_secret_that_goes_bad_while_pods_work_is_told_touches_no_pod_and_heals(
    faults: FaultStage, case: Case, cure: Cure, bad: BadSecret
) -> None:
    pods = one_busy_one_idle(faults, case, **_SERVER)

    case.begins()
    bad.make(faults)
    told = is_told_and_touches_nothing(pods, case, bad.reason)
    assert bad.remedy.format(namespace=faults.namespace) in told

    cure.apply()
    heals_and_serves(faults, case)


@pytest.mark.fault("R69")
@pytest.mark.parametrize("name", _FROM_THE_BEGINNING)
def test_a_pool_made_with_a_bad_secret_makes_nothing_and_begins_when_the_secret_is_good(
    faults: FaultStage, case: Case, cure: Cure, name: str
) -> None:
    bad = BAD_SECRETS[name]
    case.watch(faults.observer, faults.namespace)
    bad.make(faults)
    logins = faults.server.inside(_logins)
    faults.server.client.enqueue(WEB_VIDEO, count=2)
    case.begins()
    faults.pool(server=_SERVER)

    told = case.tells(bad.reason, condition="Ready", within=TELL_SECONDS)
    assert bad.remedy.format(namespace=faults.namespace) in told["message"]
    time.sleep(LASTS_SECONDS)
    assert (faults.pods(), faults.server.client.registered()) == ([], [])
    assert faults.server.inside(_logins) == logins  # nobody signed in, with a bad login or a good one

    cure.apply()
    case.cured()
    case.heals(within=HEAL_SECONDS)
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)


def _logins(simulation: Simulation) -> int:
    return sum(simulation.journal.logins.values())


@pytest.mark.fault("R70")
def test_a_password_rotated_at_the_server_and_then_in_the_secret_restarts_no_pod(
    faults: FaultStage, case: Case, cure: Cure
) -> None:
    old, new = (f"rotated-{secrets.token_hex(16)}" for _ in range(2))
    for password in (old, new):
        faults.secret_found_nowhere(password)
    faults.server.client.set_account(_BY_HAND, old)
    faults.apply(secret(LOGIN, {"url": faults.server.url, "username": _BY_HAND, "password": old}))
    pods = one_busy_one_idle(faults, case, **_SERVER)

    case.begins()
    faults.server.client.set_account(_BY_HAND, new)
    faults.server.inside(_revoke)
    is_told_and_touches_nothing(pods, case, "CredentialsRejected")
    assert (faults.condition("CredentialsValid") or {})["status"] == "False"

    faults.apply(secret(LOGIN, {"url": faults.server.url, "username": _BY_HAND, "password": new}))
    heals_and_serves(faults, case)


def _revoke(simulation: Simulation) -> None:
    """As PeerTube does when a password changes."""
    for pair in simulation.oauth.tokens:
        if pair.username == _BY_HAND:
            simulation.oauth.revoke(pair.access)
