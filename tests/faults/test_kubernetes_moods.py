"""An API server out of order: the operator stays, repeats nothing twice, leaves pods at work alone, and heals.

The proxy before the API server plays the moods; rights are the API server's own. A pool has one
pod at work when the mood comes, and a second job arrives while it lasts. The API server answers 503 for 65 s, since
kopf left to itself gives up after 54 s; in the soak for three minutes.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest

from support.faults.api_effects import Delay, Effect, Refuse, Say, StreamError, StreamGarbage, Truncate, status_object
from support.faults.api_request import (
    EVERYTHING,
    POD_CREATES,
    POOLS,
    READS,
    STATUS_WRITES,
    WATCHES,
    Match,
    Recorded,
)
from support.faults.stage import FaultStage
from support.faults.workers import Workers, at_work
from support.observer.records import Invariant, Kind
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.pools import WEB_VIDEO
from support.stage.samples import total

OUTAGE_SECONDS = 180.0 if SOAKING else 65.0

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(OUTAGE_SECONDS + 300)]

_LASTS_SECONDS = 12.0
# An operator without a usable answer says so after 30 s.
_UNREADY_SECONDS = 35.0
_SERVED_SECONDS = 30.0
_RIGHTS_SECONDS = 60.0
_SLOW_SERVED_SECONDS = 60.0
# At once, after 5 s and after 10 s more; a pass that was on its way besides.
_MOST_TRIES = 4
_LIST_AND_WATCH = frozenset({"list", "watch"})
_REGISTER = "POST /api/v1/runners/register"
_RETRY_AFTER_SECONDS = 5
_PAGE = b"<html><body>502 Bad Gateway</body></html>"

Bring = Callable[[FaultStage], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What the API server does.

    Attributes:
        bring: it is so while the block runs.
        blind: the operator cannot work meanwhile; else it serves the job that comes.
        heals_within: seconds from its end until that job is in hand.
        lasts: seconds.
        spacing: seconds that passes are apart at least.
        told: it lasts so long that the operator says that it is not ready.
    """

    bring: Bring
    blind: bool = True
    heals_within: float = _SERVED_SECONDS
    lasts: float = _LASTS_SECONDS
    spacing: float = 0.0
    told: bool = False


def _effect(effect: Effect, match: Match = EVERYTHING) -> Bring:
    return lambda stage: stage.api.fault(effect, match)


def _watches_end(code: int) -> Bring:
    """Those that are open end by an error, and those that are opened do so at once."""

    @contextmanager
    def bring(stage: FaultStage) -> Iterator[None]:
        with stage.api.fault(StreamError(code=code), WATCHES):
            assert stage.api.end_watches(code) > 0
            yield

    return bring


@contextmanager
def _watches_tell_garbage(stage: FaultStage) -> Iterator[None]:
    with stage.api.fault(StreamGarbage(), WATCHES):
        assert stage.api.garble_watches() > 0
        yield


@contextmanager
def _watches_cannot_be_opened(stage: FaultStage) -> Iterator[None]:
    """410 at the HTTP level, to LIST and WATCH of what is watched."""
    with ExitStack() as stack:
        for target in (POOLS, "pods"):
            stack.enter_context(stage.api.fault(Refuse(code=410), Match(verbs=_LIST_AND_WATCH, target=target)))
        stage.api.break_connections()
        yield


@contextmanager
def _refused(stage: FaultStage) -> Iterator[None]:
    stage.api.cut()
    try:
        yield
    finally:
        stage.api.heal()


@contextmanager
def _without_rights(stage: FaultStage) -> Iterator[None]:
    stage.rights.take_away()
    try:
        yield
    finally:
        stage.rights.give()


MOODS = {
    "refused": ("R1", Mood(bring=_refused, lasts=_UNREADY_SECONDS, told=True)),
    "hanging": ("R2", Mood(bring=lambda stage: stage.api.frozen())),
    "slow, 2 s a call": (
        "R3",
        Mood(bring=_effect(Delay(seconds=2.0)), blind=False, heals_within=_SLOW_SERVED_SECONDS),
    ),
    "429 with Retry-After": (
        "R4",
        Mood(bring=_effect(Refuse(code=429, retry_after=_RETRY_AFTER_SECONDS)), spacing=_RETRY_AFTER_SECONDS),
    ),
    "503 for longer than kopf tries": (
        "R5",
        Mood(bring=_effect(Refuse(code=503)), lasts=OUTAGE_SECONDS, heals_within=35.0, told=True),
    ),
    "watches stalled silently": ("R6", Mood(bring=lambda stage: stage.api.stalled_watches(), blind=False)),
    "410 in a watch": ("R7", Mood(bring=_watches_end(410), blind=False)),
    "410 to list and watch": ("R8", Mood(bring=_watches_cannot_be_opened)),
    "500 in a watch": ("R9", Mood(bring=_watches_end(500), blind=False)),
    "garbage in a watch": ("R9", Mood(bring=_watches_tell_garbage, blind=False)),
    "truncated JSON": ("R9", Mood(bring=_effect(Truncate(), READS))),
    "a load balancer's page as an error": ("R9", Mood(bring=_effect(Say(code=502, body=_PAGE)))),
    "a load balancer's page as an answer": ("R9", Mood(bring=_effect(Say(code=200, body=_PAGE)))),
    "no rights": ("R16", Mood(bring=_without_rights, heals_within=_RIGHTS_SECONDS)),
}
_CASES = [
    pytest.param(mood, id=name, marks=[pytest.mark.fault(study), *([pytest.mark.soak] if mood.lasts > 60 else [])])
    for name, (study, mood) in MOODS.items()
]


@pytest.mark.parametrize("mood", _CASES)
def test_an_api_server_out_of_order_ends_no_operator_touches_no_pod_and_heals(
    faults: FaultStage, case: Case, mood: Mood
) -> None:
    workers = one_at_work(faults)
    pid = faults.operator.pid
    with out_of_order(faults), mood.bring(faults):
        begin, asked = time.monotonic(), len(faults.api.requests)
        faults.server.client.enqueue(WEB_VIDEO)
        if not mood.blind:
            await_second_at_work(faults, within=mood.heals_within)
            case.healed(time.monotonic() - begin)
        time.sleep(max(0.0, begin + mood.lasts - time.monotonic()))
        workers.assert_untouched()
        assert len(faults.pods()) == 1 + (not mood.blind)
        assert_spaced(faults.api.requests[asked:], mood.spacing)
        if mood.told:
            assert (faults.operator.probe("/readyz"), faults.operator.probe("/healthz")) == (503, 200)
    if mood.blind:
        healed = time.monotonic()
        await_second_at_work(faults, within=mood.heals_within)
        case.healed(time.monotonic() - healed)

    workers.assert_untouched()
    assert_made_once(faults, 2)
    faults.until(lambda: faults.operator.probe("/readyz") == 200, "a ready operator", within=mood.heals_within)
    # Nobody else than the watches tells of a new pool.
    faults.pool("later")
    faults.wait_condition("Ready", status="True", pool="later", within=mood.heals_within)
    assert (faults.operator.alive, faults.operator.pid, faults.operator.runs) == (True, pid, 1)


@pytest.mark.fault("R1")
def test_an_operator_without_a_pool_asks_for_a_sign_of_life_and_so_stays_ready(faults: FaultStage) -> None:
    """Nothing else of it calls the API server but the watches, which are not judged by."""
    calls = "runnerpool_operator_kube_requests_total"
    before = total(faults.operator.metrics(), calls)
    faults.until(lambda: total(faults.operator.metrics(), calls) > before, "a call without a pool", within=25)
    assert faults.operator.probe("/readyz") == 200


def out_of_order(stage: FaultStage) -> AbstractContextManager[None]:
    """What nobody can tell or mend while the API server is out of order."""
    why = "the API server is out of order"
    return stage.observer.suspended(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because=why)


def one_at_work(stage: FaultStage) -> Workers:
    stage.pool(scaling={"maxReplicas": 2})
    stage.wait_condition("Ready", status="True", within=45)
    return at_work(stage)


def assert_spaced(requests: Sequence[Recorded], seconds: float) -> None:
    """Every pass begins by reading the pool. The janitor's round reads it too, once in 20 s, and keeps its own time."""
    moments = [request.at for request in requests if request.asked.verb == "get" and request.asked.target == POOLS]
    chains = [moments, *(moments[:left_out] + moments[left_out + 1 :] for left_out in range(len(moments)))]
    assert any(all(later - earlier >= seconds for earlier, later in pairwise(chain)) for chain in chains), moments


def await_second_at_work(stage: FaultStage, *, within: float) -> None:
    stage.until(lambda: len(stage.player.holding()) == 2, "a second pod at work", within=within)


def assert_made_once(stage: FaultStage, count: int) -> None:
    """Just so many pods were ever made, and each was registered once."""
    pods = {version.uid for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POD}
    registered = stage.server.client.statistics().requests.get(_REGISTER, {})
    assert (len(pods), dict(registered)) == (count, {"200": count})
    assert stage.server.rows() == stage.pod_names()


@pytest.mark.fault("R10")
def test_conflicts_on_every_status_write_are_no_reason_to_spin_and_are_overcome(faults: FaultStage, case: Case) -> None:
    workers = one_at_work(faults)
    pid = faults.operator.pid
    with out_of_order(faults), faults.api.fault(Refuse(code=409), STATUS_WRITES) as conflicts:
        faults.server.client.enqueue(WEB_VIDEO)
        time.sleep(_LASTS_SECONDS)
        # Three tries at once, and then with a back-off.
        assert 1 <= conflicts.hits <= 12
        workers.assert_untouched()
    healed = time.monotonic()

    await_second_at_work(faults, within=_SERVED_SECONDS)

    case.healed(time.monotonic() - healed)
    assert_made_once(faults, 2)
    assert faults.operator.alive
    assert faults.operator.pid == pid


@pytest.mark.fault("R16")
def test_a_right_that_is_missing_is_told_with_verb_and_resource_and_heals(faults: FaultStage, case: Case) -> None:
    workers = one_at_work(faults)
    case.watch(faults.observer, faults.namespace)
    refusal = Refuse(code=403, message='pods is forbidden: User "operator" cannot create resource "pods"')
    with faults.api.fault(refusal, POD_CREATES):
        faults.server.client.enqueue(WEB_VIDEO)
        case.begins()
        told = case.tells("Forbidden")
        assert "create" in told["message"] or "post" in told["message"]
        assert "pods" in told["message"]
        workers.assert_untouched()
    case.cured()
    case.heals()
    await_second_at_work(faults, within=_SERVED_SECONDS)
    assert_made_once(faults, 2)


@pytest.mark.fault("R15")
def test_a_namespace_that_is_being_deleted_is_told_and_hardly_asked_for_pods_again(
    faults: FaultStage, case: Case
) -> None:
    workers = one_at_work(faults)
    case.watch(faults.observer, faults.namespace)
    with faults.api.fault(_terminating(faults.namespace), POD_CREATES) as refusals:
        faults.server.client.enqueue(WEB_VIDEO, count=3)
        case.begins()
        case.tells("NamespaceTerminating")
        time.sleep(_LASTS_SECONDS)
        assert refusals.hits <= _MOST_TRIES
        workers.assert_untouched()
    case.cured()
    case.heals(within=_SERVED_SECONDS)
    await_second_at_work(faults, within=_SERVED_SECONDS)
    assert_made_once(faults, 2)
    assert faults.operator.runs == 1


def _terminating(namespace: str) -> Say:
    """What the API server answers then, word for word.

    The namespace stays: with it would go the RoleBinding, and soon nobody could tell what is being tested.
    """
    said = f"namespace {namespace} is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": said, "field": "metadata.namespace"}
    status = status_object(
        403, message=f'pods "x" is forbidden: unable to create new content in namespace {namespace} because it is '
        "being terminated",
    )  # fmt: skip
    body = json.dumps(status | {"details": {"kind": "pods", "causes": [cause]}}).encode()
    return Say(code=403, body=body, content_type="application/json")
