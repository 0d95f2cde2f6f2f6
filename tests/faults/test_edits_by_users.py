"""A user edits a pool right before every other write of the operator: no edit is lost, and the pool is served."""

import itertools
import time
from collections.abc import Mapping
from contextlib import ExitStack

import httpx
import pytest

from support.faults.api_effects import CallBefore, Refuse
from support.faults.api_request import POOLS, STATUS_WRITES, WRITING, Match
from support.faults.stage import FaultStage, is_unfinished
from support.faults.workers import at_work
from support.observer.records import Invariant, Kind
from support.reliability.case import Case
from support.stage.pools import POOL_PATH, WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

_LASTS_SECONDS = 6.0
_SERVED_SECONDS = 30.0
_POOL_WRITES = Match(verbs=WRITING, target=POOLS)
_MERGE = {"Content-Type": "application/merge-patch+json"}


class User:
    """Edits labels and spec of a pool; each edit bears a number, one more than the last one's."""

    def __init__(self, stage: FaultStage, pool: str = "vod") -> None:
        self._http = stage.http
        self._path = POOL_PATH.format(namespace=stage.namespace, name=pool)
        self._turns = itertools.cycle((True, False))
        self.edits = 0

    def edit(self) -> None:
        """Called by the proxy, between what the operator has read and what it is about to write.

        Edits every other time: a writer that is always overtaken gets nowhere, and is right to.
        """
        if not next(self._turns):
            return
        number = self.edits + 1
        patch = {"metadata": {"labels": {"edit": str(number)}}, "spec": {"scaling": {"idleSeconds": number}}}
        answer = self._http.patch(self._path, json=patch, headers=_MERGE)
        # There is no pool yet, or no more.
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()
            self.edits = number


def edit_of(pool: Mapping[str, Mapping[str, object]]) -> int:
    """The number of the last edit that a version of the pool bears; its label and its spec bear the same."""
    labels, scaling = pool["metadata"].get("labels") or {}, pool["spec"]["scaling"]
    assert isinstance(labels, dict)
    assert isinstance(scaling, dict)
    number = int(labels.get("edit", 0))
    assert number in {0, scaling["idleSeconds"]}
    return number


@pytest.mark.fault("R10")
def test_edits_of_labels_and_spec_between_the_operators_read_and_its_write_survive_among_conflicts(
    faults: FaultStage, case: Case
) -> None:
    user = User(faults)
    why = "its user changes the pool faster than anybody could tell"
    with ExitStack() as stack:
        stack.enter_context(faults.observer.suspended(Invariant.HONEST_STATUS, because=why))
        for match in (_POOL_WRITES, STATUS_WRITES):
            stack.enter_context(faults.api.fault(CallBefore(callback=user.edit), match))
        faults.pool(scaling={"maxReplicas": 2})
        workers = at_work(faults)
        # In the middle of it, the API server's own conflicts too, on three writes of the status.
        stack.enter_context(faults.api.fault(Refuse(code=409), STATUS_WRITES, times=3))
        faults.server.client.enqueue(WEB_VIDEO)
        time.sleep(_LASTS_SECONDS)
    ended = time.monotonic()

    faults.until(lambda: len(faults.player.holding()) == 2, "a second pod at work", within=_SERVED_SECONDS)
    faults.until(lambda: noted(faults), "the last edit taken note of", within=_SERVED_SECONDS)
    case.healed(time.monotonic() - ended)
    workers.assert_untouched()
    assert len(faults.pods(is_unfinished)) == 2
    found = [record.status for record in faults.api.writes() if record.asked.resource == POOLS]
    assert found.count(409) > 3, "the operator met no conflict but those that the test made up"
    seen = [
        edit_of(version.body) for version in faults.observer.versions(faults.namespace) if version.kind is Kind.POOL
    ]
    assert seen == sorted(seen)
    assert seen[-1] == user.edits > 3


def noted(stage: FaultStage) -> bool:
    pool = stage.find_pool() or {}
    return bool(pool["status"]["observedGeneration"] == pool["metadata"]["generation"])
