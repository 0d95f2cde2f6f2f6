from dataclasses import dataclass, field
from typing import Any

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import gated, known, make_pod, make_pool, make_snapshot, unknown


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    queue: Any
    desired: int
    reason: Reason
    pods: tuple[Any, ...] = ()
    reserved: tuple[int, ...] = ()
    scaling: dict[str, Any] = field(default_factory=dict)
    concurrency: int = 1


READY_THREE = tuple(make_pod(ordinal) for ordinal in (1, 2, 3))

CASES = [
    Case(name="no job, no pod", queue=known(0), desired=0, reason=Reason.STEADY),
    Case(name="a pod for each pending job", queue=known(4), desired=4, reason=Reason.JOBS_PENDING),
    Case(name="never above maxReplicas", queue=known(40), desired=10, reason=Reason.AT_CAP),
    Case(
        name="exactly maxReplicas is not limited by it",
        queue=known(10),
        desired=10,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="never below minReplicas",
        queue=known(1),
        desired=3,
        reason=Reason.AT_FLOOR,
        scaling={"minReplicas": 3},
    ),
    Case(
        name="jobs in hand count as well as pending ones",
        queue=known(1, held={1: 1, 2: 1}),
        pods=READY_THREE,
        desired=3,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="nothing pending and all pods at work is steady",
        queue=known(0, held={1: 1, 2: 1, 3: 1}),
        pods=READY_THREE,
        desired=3,
        reason=Reason.STEADY,
    ),
    Case(
        name="fewer jobs than pods",
        queue=known(0, held={1: 1}),
        pods=READY_THREE,
        desired=1,
        reason=Reason.SLOTS_IDLE,
    ),
    Case(
        name="two jobs a pod, rounded up",
        queue=known(5),
        concurrency=2,
        desired=3,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="idle slots come on top, before the division",
        queue=known(3),
        concurrency=2,
        scaling={"idleSlots": 2},
        desired=3,
        reason=Reason.JOBS_PENDING,
    ),
    Case(name="idle slots alone", queue=known(0), scaling={"idleSlots": 2}, desired=2, reason=Reason.STEADY),
    Case(
        name="jobs in the hands of draining, deleting and ended pods are no demand",
        queue=known(1, held={1: 1, 2: 1, 3: 1}),
        pods=(
            make_pod(1, drain_order="drain"),
            make_pod(2, deleting=True),
            make_pod(3, PodStage.ENDED, succeeded=True),
        ),
        desired=1,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="jobs in foreign hands are no demand",
        queue=known(1, held={77: 4}),
        desired=1,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="children of jobs in work keep pods that are there",
        queue=known(0, held={1: 1}, waiting_on_work=1),
        pods=READY_THREE,
        desired=2,
        reason=Reason.LOOK_AHEAD,
    ),
    Case(
        name="children of jobs in work keep promised pods too",
        queue=known(0, waiting_on_work=5),
        reserved=(7,),
        desired=1,
        reason=Reason.LOOK_AHEAD,
    ),
    Case(
        name="children keep pods on top of those that idle slots keep",
        queue=known(0, held={1: 1}, waiting_on_work=1),
        pods=READY_THREE,
        scaling={"idleSlots": 1},
        desired=3,
        reason=Reason.LOOK_AHEAD,
    ),
    Case(
        name="children of jobs in work make no new pods",
        queue=known(2, waiting_on_work=5),
        desired=2,
        reason=Reason.JOBS_PENDING,
    ),
    Case(
        name="lookAhead Off: children do not count",
        queue=known(0, held={1: 1}, waiting_on_work=5),
        pods=READY_THREE,
        scaling={"lookAhead": "Off"},
        desired=1,
        reason=Reason.SLOTS_IDLE,
    ),
    Case(
        name="unknown queue: as many as there are",
        queue=unknown(),
        pods=READY_THREE,
        desired=3,
        reason=Reason.QUEUE_UNKNOWN,
    ),
    Case(
        name="unknown queue: the floor is kept",
        queue=unknown(),
        scaling={"minReplicas": 2},
        desired=2,
        reason=Reason.QUEUE_UNKNOWN,
    ),
    Case(
        name="unknown queue: starting and gated pods are there",
        queue=unknown(),
        pods=(gated(1), make_pod(2, PodStage.STARTING)),
        desired=2,
        reason=Reason.QUEUE_UNKNOWN,
    ),
    Case(
        name="unknown queue: the target stays within a cap that was lowered",
        queue=unknown(),
        pods=READY_THREE,
        scaling={"maxReplicas": 2},
        desired=2,
        reason=Reason.QUEUE_UNKNOWN,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_number_of_pods(case):
    pool = make_pool(scaling=case.scaling, runner={"concurrency": case.concurrency})

    decision = plan(make_snapshot(case.queue, case.pods, pool=pool, reserved=case.reserved))

    assert (decision.desired, decision.reason) == (case.desired, case.reason)
    assert decision.terms[-1].after == decision.desired


def test_the_trace_tells_every_stage_in_order():
    decision = plan(make_snapshot(known(40, complete=False), pool=make_pool(scaling={"idleSlots": 1})))

    assert [(term.stage, term.before, term.after) for term in decision.terms] == [
        ("demand", 0, 40),
        ("idleSlots", 40, 41),
        ("pods", 41, 41),
        ("lookAhead", 41, 41),
        ("minReplicas", 41, 41),
        ("maxReplicas", 41, 10),
    ]
    assert all(
        earlier.after == later.before for earlier, later in zip(decision.terms, decision.terms[1:], strict=False)
    )
    assert "at least 40 jobs pending" in decision.terms[0].why


def test_the_message_at_the_cap_tells_both_numbers():
    message = plan(make_snapshot(known(40))).message

    assert message.startswith("40 pods are needed, but maxReplicas is 10")


def test_an_unknown_queue_is_told_with_its_cause():
    assert "the server does not answer" in plan(make_snapshot(unknown())).message


def test_the_busy_pods_are_those_unfinished_ones_that_hold_a_job():
    pods = (
        make_pod(1),
        make_pod(2, drain_order="drain"),
        make_pod(3, PodStage.ENDED, succeeded=True),
        make_pod(4),
    )

    decision = plan(make_snapshot(known(0, held={1: 1, 2: 1, 3: 1, 99: 1}), pods))

    assert decision.busy == (pods[0].name, pods[1].name)
