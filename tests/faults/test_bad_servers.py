"""A server out of order: its pools tell the cause, leave their pods alone, repeat nothing of it, and heal.

Told within two polls; a call that hangs is given up after 10 s. Faults of the login alone: test_logins.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from peers.peertube.faults import ADMINISTRATION
from peers.peertube.server import running
from peers.peertube.simulation import Simulation
from peers.peertube.tls import TlsFiles
from support.background import Background
from support.faults.bystanders import (
    IDLE_SECONDS,
    IDLE_SECONDS_AT_TIME_LIMITS,
    TWO_POLLS_SECONDS,
    heals_and_serves,
    is_told_and_touches_nothing,
    one_busy_one_idle,
    places_of,
)
from support.faults.relay import Relay
from support.faults.server import peertube_here
from support.faults.stage import FaultStage
from support.faults.staging import CLOCK_DIVISOR, StageMaker
from support.reliability.case import Case
from support.stage.operator_process import LOOPBACK
from support.tls import PrivateCa, ServerFiles

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

_CALL_SECONDS = 10.0
_RETRY_AFTER_SECONDS = 12
_CA_SECRET = "peertube-ca"
_LOGIN = "/api/v1/users/token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A fault of the server's answers to an administrator, and what a pool is to say of it."""

    kind: str
    reason: str
    options: dict[str, Any] = field(default_factory=dict)
    told_within: float = TWO_POLLS_SECONDS
    idle_seconds: int = IDLE_SECONDS


def _slow(kind: str, **options: Any) -> Bad:
    return Bad(
        kind=kind, reason="ServerTimeout", options=options, told_within=TWO_POLLS_SECONDS + _CALL_SECONDS,
        idle_seconds=IDLE_SECONDS_AT_TIME_LIMITS,
    )  # fmt: skip


def _case(name: str, study: str, bad: Bad) -> Any:
    return pytest.param(bad, id=name, marks=pytest.mark.fault(study))


BAD_ANSWERS = [
    _case("500", "R60", Bad(kind="status", reason="ServerError", options={"status": 500})),
    _case("502 with a page of a proxy", "R60", Bad(kind="html", reason="ServerError", options={"status": 502})),
    _case("401 to everything", "R63", Bad(kind="status", reason="CredentialsRejected", options={"status": 401})),
    _case("403 to everything", "R65", Bad(kind="status", reason="InsufficientRights", options={"status": 403})),
    _case("not JSON", "R62", Bad(kind="not-json", reason="InvalidResponse")),
    _case("truncated JSON", "R62", Bad(kind="truncated", reason="InvalidResponse")),
    _case("values of wrong types", "R62", Bad(kind="wrong-types", reason="InvalidResponse")),
    _case("negative totals", "R62", Bad(kind="negative", reason="InvalidResponse")),
    _case("huge numbers", "R62", Bad(kind="huge", reason="InvalidResponse")),
    _case("a body without end", "R61", Bad(kind="endless", reason="InvalidResponse")),
    _case("silence", "R61", _slow("silence")),
    _case("a body that drips", "R61", _slow("drip", bytesPerSecond=1)),
    _case("a connection closed without an answer", "R59", Bad(kind="closed", reason="ServerUnreachable")),
    _case("a connection cut within the body", "R59", Bad(kind="cut", reason="ServerUnreachable")),
]


@pytest.fixture
def background() -> Iterator[Background]:
    with Background() as made:
        yield made


@pytest.mark.parametrize("bad", BAD_ANSWERS)
def test_a_bad_answer_is_told_by_its_cause_touches_no_pod_is_not_repeated_and_heals(
    faults: FaultStage, case: Case, bad: Bad
) -> None:
    pods = one_busy_one_idle(faults, case, idle_seconds=bad.idle_seconds)
    canary = faults.server.client.put_in_fault(bad.kind, path=ADMINISTRATION, **bad.options)
    case.begins()

    is_told_and_touches_nothing(pods, case, bad.reason, within=bad.told_within)

    (fault,) = faults.server.client.lift_faults()
    assert fault["met"] > 0
    heals_and_serves(faults, case)
    assert places_of(faults, canary) == []


@pytest.mark.fault("R66")
def test_a_server_that_asks_for_fewer_calls_gets_none_until_the_time_is_over_that_it_names(
    faults: FaultStage, case: Case
) -> None:
    pods = one_busy_one_idle(faults, case)
    canary = faults.server.client.put_in_fault(
        "status", path=ADMINISTRATION, status=429, retryAfter=str(_RETRY_AFTER_SECONDS)
    )
    case.begins()

    is_told_and_touches_nothing(pods, case, "RateLimited", within=TWO_POLLS_SECONDS)

    (fault,) = faults.server.client.lift_faults()
    assert fault["met"] == 1
    heals_and_serves(faults, case)
    assert places_of(faults, canary) == []


@pytest.mark.fault("R67")
@pytest.mark.parametrize("path", [ADMINISTRATION, _LOGIN], ids=["of every call", "of the login alone"])
def test_a_redirect_to_another_host_is_told_and_nothing_ever_arrives_there(
    background: Background, faults: FaultStage, case: Case, path: str
) -> None:
    other = background.enter(running())
    pods = one_busy_one_idle(faults, case)
    canary = faults.server.client.put_in_fault("redirect", path=path, location=other.base_url)
    faults.server.client.revoke_logins()
    case.begins()

    is_told_and_touches_nothing(pods, case, "Redirected", within=TWO_POLLS_SECONDS)

    (fault,) = faults.server.client.lift_faults()
    assert fault["met"] > 0
    heals_and_serves(faults, case)
    assert dict(other.simulation.journal.requests) == {}
    assert places_of(faults, canary) == []


@pytest.mark.fault("R59")
def test_a_server_that_is_down_is_told_as_refusing_connections_and_heals_when_it_is_back(
    background: Background, faults: FaultStage, case: Case
) -> None:
    relay = Relay(background, urlsplit(faults.server.url).port or 0)
    pods = one_busy_one_idle(faults, case, internalUrl=relay.url)
    relay.close()
    case.begins()

    is_told_and_touches_nothing(pods, case, "ServerUnreachable", within=TWO_POLLS_SECONDS)

    # A look that was under way met a connection that broke.
    faults.until(lambda: refuses(faults), "a word of the refused connection", within=TWO_POLLS_SECONDS)
    relay.open()
    heals_and_serves(faults, case)


def refuses(stage: FaultStage) -> bool:
    return "refuses the connection" in (stage.condition("QueueReachable") or {}).get("message", "")


@pytest.mark.fault("R59")
def test_a_name_that_cannot_be_resolved_is_told_and_heals_when_it_is_corrected(faults: FaultStage, case: Case) -> None:
    pods = one_busy_one_idle(faults, case)
    nowhere = {"internalUrl": "http://peertube.invalid:9000"}
    faults.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "peertube-admin"}, "stringData": nowhere})
    faults.change_pool(server=nowhere)
    case.begins()

    message = is_told_and_touches_nothing(pods, case, "ServerUnreachable", within=TWO_POLLS_SECONDS)

    assert "cannot be resolved" in message
    faults.change_pool(server={"internalUrl": None})
    heals_and_serves(faults, case)


@pytest.mark.fault("R65")
def test_a_server_that_does_not_know_its_name_is_told_to_an_operator_that_starts_anew(
    faults: FaultStage, case: Case
) -> None:
    pods = one_busy_one_idle(faults, case)
    name = faults.server.inside(lambda simulation: simulation.host)
    faults.server.inside(_called("moved.example"))
    # Only whoever signs in for the first time is asked by which name he calls.
    faults.operator.stop()
    faults.operator.start()
    case.begins()

    message = is_told_and_touches_nothing(pods, case, "WrongHost")

    assert "internalUrl" in message
    faults.server.inside(_called(name))
    heals_and_serves(faults, case)


def _called(name: str) -> Callable[[Simulation], None]:
    def rename(simulation: Simulation) -> None:
        simulation.host = name

    return rename


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """A server with a certificate of a private authority, which the pools of the stage are told of."""

    stage: FaultStage
    authority: PrivateCa
    stranger: PrivateCa
    files: ServerFiles

    def trust(self, authority: PrivateCa) -> None:
        """Write an authority's certificate into the Secret that pools name."""
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": _CA_SECRET}}
        self.stage.apply(manifest | {"stringData": {"ca.crt": authority.pem}})

    def show(self, authority: PrivateCa, host: str = LOOPBACK, *, expired: bool = False) -> None:
        """Have the server show a certificate."""
        authority.certify(self.files, [host], expired=expired)
        self.stage.server.client.reload_certificate()


@pytest.fixture
def secured(background: Background, new_stage: StageMaker, tmp_path: Path) -> Iterator[Secured]:
    authority, stranger = PrivateCa(tmp_path / "ca"), PrivateCa(tmp_path / "ca", "stranger")
    files = authority.files(tmp_path / "tls", [LOOPBACK])
    tls = TlsFiles(certificate=files.certificate, key=files.key)
    with peertube_here(background, tmp_path / "peertube", clock_divisor=CLOCK_DIVISOR, tls=tls) as server:
        made = Secured(stage=new_stage(server=server), authority=authority, stranger=stranger, files=files)
        made.trust(authority)
        yield made


def _expired(secured: Secured) -> None:
    secured.show(secured.authority, expired=True)


def _of_another_host(secured: Secured) -> None:
    secured.show(secured.authority, "elsewhere.example")


def _of_a_stranger(secured: Secured) -> None:
    secured.show(secured.stranger)


@pytest.mark.fault("R68")
@pytest.mark.parametrize(
    ("break_trust", "cause"),
    [
        pytest.param(_expired, "has expired", id="expired"),
        pytest.param(_of_another_host, "is for another", id="for another host"),
        pytest.param(_of_a_stranger, "is not trusted", id="of an unknown authority"),
    ],
)
def test_a_bad_certificate_is_told_touches_no_pod_and_heals_when_the_server_has_a_good_one(
    secured: Secured, case: Case, break_trust: Callable[[Secured], None], cause: str
) -> None:
    pods = one_busy_one_idle(secured.stage, case, caBundleRef={"name": _CA_SECRET})
    break_trust(secured)
    case.begins()

    message = is_told_and_touches_nothing(pods, case, "TLSError", within=TWO_POLLS_SECONDS)

    assert cause in message
    secured.show(secured.authority)
    heals_and_serves(secured.stage, case)


@pytest.mark.fault("R68")
def test_an_authority_that_was_replaced_is_told_and_heals_when_the_secret_names_the_new_one(
    secured: Secured, case: Case
) -> None:
    pods = one_busy_one_idle(secured.stage, case, caBundleRef={"name": _CA_SECRET})
    secured.show(secured.stranger)
    case.begins()

    is_told_and_touches_nothing(pods, case, "TLSError", within=TWO_POLLS_SECONDS)

    secured.trust(secured.stranger)
    heals_and_serves(secured.stage, case)
