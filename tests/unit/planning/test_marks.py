"""Marks for node autoscalers: an idle pod may be moved, a starting or busy one may not."""

from dataclasses import replace

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Mark
from runnerpool.planning.planner import plan
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.snapshot import PodStage
from support.builders import ago, gated, known, make_pod, make_pool, make_snapshot, pod_called, unknown

ONE_KEPT = make_pool(scaling={"minReplicas": 1})
BUSY = known(0, held={1: 1})
DRAINING = {"drain_order": "drain", "drain_since": ago(1)}


def marks(pod, queue, *, pool=ONE_KEPT):
    """What a plan marks a pod as: by the marks that it has, False, True and None."""
    told = []
    for evictable in (False, True, None):
        snapshot = make_snapshot(queue, [pod], pool=pool)
        snapshot = replace(snapshot, pods=(replace(pod, evictable=evictable),))
        told.append([step.evictable for step in plan(snapshot).steps if isinstance(step, Mark)])
    return told


def test_an_idle_pod_may_be_moved():
    assert marks(make_pod(1), known(0)) == [[True], [], [True]]


@pytest.mark.parametrize(
    ("pod", "queue"),
    [
        (make_pod(1), BUSY),
        (make_pod(1, PodStage.STARTING), known(0)),
        (make_pod(1, PodStage.STARTING, has_run=False), known(0)),
        (make_pod(1, **DRAINING), BUSY),
    ],
    ids=["busy", "starting", "not scheduled yet", "draining with a job"],
)
def test_a_pod_that_has_something_to_lose_may_not_be_moved(pod, queue):
    assert marks(pod, queue) == [[], [False], [False]]


def test_a_draining_pod_without_a_job_ends_anyway_and_is_left_as_it_is():
    assert marks(make_pod(1, **DRAINING), known(0)) == [[], [], []]


@pytest.mark.parametrize(
    "pod",
    [gated(1), make_pod(1, deleting=True), make_pod(1, PodStage.ENDED)],
    ids=["gated", "being deleted", "ended"],
)
def test_pods_that_are_on_no_node_or_leave_it_are_not_marked(pod):
    assert marks(pod, known(0)) == [[], [], []]


def test_while_the_queue_is_unknown_nobody_becomes_movable_and_nobody_is_written_to_for_it():
    assert marks(make_pod(1), unknown()) == [[], [], [False]]


@pytest.mark.parametrize(
    ("pod", "queue"),
    [
        (make_pod(1, PodStage.STARTING), unknown()),
        (make_pod(1, **DRAINING), unknown()),
        (make_pod(1), replace(unknown(), held={pod_called(1): 1})),
    ],
    ids=["starting", "draining", "busy when last seen"],
)
def test_while_the_queue_is_unknown_what_may_be_busy_may_not_be_moved(pod, queue):
    assert isinstance(queue, QueueUnknown)
    assert marks(pod, queue) == [[], [False], [False]]


def test_a_pod_that_gets_another_step_is_marked_in_a_later_pass():
    snapshot = make_snapshot(known(0), [make_pod(1, evictable=False)])

    assert [step.reason for step in plan(snapshot).steps] == [Reason.SCALE_DOWN]


@pytest.mark.parametrize("pool", [make_pool(mode="Hold"), make_pool(deleting=True)], ids=["mode Hold", "deleted"])
def test_marks_are_kept_right_in_every_mode(pool):
    busy = make_pod(1, evictable=True, **DRAINING)

    (step,) = plan(make_snapshot(BUSY, [busy], pool=pool)).steps

    assert (type(step), step.pod, step.uid, step.reason) == (Mark, pod_called(1), "uid-1", Reason.AUTOSCALER_MARK)
