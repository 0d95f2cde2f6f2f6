"""Servers before 7.0 hand any job to any runner."""

from dataclasses import replace

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Complete, Create, Remove, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    ANCIENT,
    HLS,
    LIVE,
    MODERN,
    WEB_VIDEO,
    gated,
    known,
    make_pod,
    make_pool,
    make_snapshot,
    outdated,
)

ONLY_OURS = replace(ANCIENT, remote_job_types=frozenset({WEB_VIDEO}))


def decided(pods=(), *, facts=ANCIENT, pool=None, **fields):
    return plan(make_snapshot(known(3), pods, facts=facts, pool=pool or make_pool(), **fields))


def made(decision):
    return [step for step in decision.steps if isinstance(step, Reserve | Create)]


def test_no_pod_is_made_for_a_server_that_would_hand_it_jobs_of_other_types():
    decision = decided()

    assert (decision.steps, decision.desired, decision.reason) == ((), 0, Reason.JOB_TYPES_NOT_FILTERED)
    assert HLS in decision.message
    assert LIVE in decision.message
    assert WEB_VIDEO not in decision.message
    assert "BestEffort" in decision.message


def test_no_promise_is_kept_either():
    assert made(decided(reserved=(4,))) == []


def test_pods_that_are_there_stay_idle_or_outdated():
    decision = decided([make_pod(1), make_pod(2), make_pod(3), make_pod(4), outdated(5)])

    assert (decision.steps, decision.desired) == ((), 5)


def test_what_was_begun_is_finished():
    kinds = [type(step) for step in decided([gated(1), make_pod(2, PodStage.ENDED)]).steps]

    assert kinds == [Complete, Remove]


@pytest.mark.parametrize(
    ("facts", "pool"),
    [
        (MODERN, make_pool()),
        (ONLY_OURS, make_pool()),
        (ANCIENT, make_pool(jobTypeFilter="BestEffort")),
        (ANCIENT, make_pool(jobTypes=[WEB_VIDEO, HLS], jobTypeFilter="BestEffort")),
    ],
    ids=["it filters", "it has no other types", "best effort", "best effort of several types"],
)
def test_where_no_other_jobs_come_or_may_come_pods_are_made(facts, pool):
    assert made(decided(facts=facts, pool=pool))


def test_before_the_server_has_told_what_it_can_do_no_pod_is_made():
    decision = decided(facts=None, reserved=(4,))

    assert made(decision) == []
    assert decision.reason is Reason.JOBS_PENDING


def test_before_the_server_has_told_what_it_can_do_nobody_is_replaced():
    pool = make_pool(scaling={"minReplicas": 2}, rollout={"maxSurge": 0, "maxUnavailable": 1})

    assert plan(make_snapshot(known(0), [outdated(1), outdated(2)], facts=None, pool=pool)).steps == ()


def test_a_best_effort_pool_needs_not_know_what_the_server_can_do():
    assert made(decided(facts=None, pool=make_pool(jobTypeFilter="BestEffort")))
