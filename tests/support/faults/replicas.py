"""More replicas of a stage's operator: the same rights, a proxy of its own for each; and how soon one takes over."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from support.background import Background
from support.faults.api_proxy import ApiProxy
from support.faults.api_request import Recorded
from support.faults.stage import FaultStage
from support.faults.staging import proxy_before, way_in
from support.stage.operator_process import OperatorOrder, OperatorProcess
from support.stage.operatorlog import complaints_of

_LEADS = "runnerpool_operator_leader 1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One process, and the proxy through which it alone reaches the API server."""

    operator: OperatorProcess
    api: ApiProxy

    @property
    def leads(self) -> bool:
        """It says so itself."""
        return self.operator.alive and _LEADS in self.operator.metrics()

    def writes(self, *, since: float = 0.0, target: str | None = None) -> list[Recorded]:
        """Writes that came from it since a moment of wall time, renewals too."""
        found = [record for record in self.api.writes() if record.at >= since]
        return [record for record in found if target in (None, record.asked.target)]

    def carried_out(self, target: str | None = None) -> list[Recorded]:
        """Writes of it that the API server has carried out."""
        return [record for record in self.writes(target=target) if record.status in {200, 201}]


def election_in(namespace: str) -> dict[str, Any]:
    """A `StageOrder`: its operator takes part in an election, and its Lease is in the stage's namespace."""
    return {"namespace": namespace, "operator": {"leader-election": True, "lease-namespace": namespace}}


def first_replica(stage: FaultStage) -> Replica:
    """The stage's own operator."""
    return Replica(operator=stage.operator, api=stage.api)


@contextmanager
def another_replica(stage: FaultStage, name: str = "second", *, prefix: tuple[str, ...] = ()) -> Iterator[Replica]:
    """One more with the same options, ready; its log is judged when the block ends. `name` is its directory's."""
    place = stage.directory / name
    place.mkdir()
    with Background() as background:
        api = proxy_before(background, stage.cluster, place)
        order = OperatorOrder(
            kubeconfig=way_in(stage.rights, api, place),
            directory=place,
            namespaces=stage.operator.order.namespaces,
            options=stage.operator.order.options,
            prefix=prefix,
        )
        operator = OperatorProcess(order)
        try:
            operator.start()
            yield Replica(operator=operator, api=api)
            stage.observer.keep(stage.namespace, operator.texts())
        finally:
            operator.stop()
    assert complaints_of(operator.logs(), stage.canaries) == []


def leading(replicas: Sequence[Replica]) -> list[Replica]:
    """Those that say that they lead."""
    return [replica for replica in replicas if replica.leads]


def await_leader(stage: FaultStage, replica: Replica, *, since: float, within: float) -> float:
    """Seconds from a moment of the monotonic clock until the replica leads."""
    stage.until(lambda: replica.leads, "the other replica as the leader", within=within - (time.monotonic() - since))
    return time.monotonic() - since


def await_pod_by(stage: FaultStage, replica: Replica, *, since: float, within: float) -> float:
    """Seconds until it has made a pod."""
    what = "a pod that the other replica has made"
    stage.until(lambda: replica.carried_out("pods"), what, within=within - (time.monotonic() - since))
    return time.monotonic() - since
