"""Jobs in hand when their pod has to go: finished if there is time, else back in the queue before the kill."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from support.reliability.case import Case
from support.stage.agentlog import AgentLog, followed
from support.stage.figures import when
from support.stage.fixtures import SiteMaker
from support.stage.kube import end, kubectl_process
from support.stage.node_drain import choose_for_drain
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site, now
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(380)]

JOB_SECONDS = 78
AFTER_THE_ORDER_SECONDS = 60
SLOW = {"STAND_IN_READ_RATE": "1"}
TOLD = "the runner was told to take no more jobs"
TOLD_SECONDS = 2.0
DRAIN_TIMEOUT_SECONDS = 20
# The agent keeps 30 s of the grace for handing jobs back, and needs 15 s before that to drain at all.
SHORT_GRACE_SECONDS = 50
DRAIN_CUT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A pod that was told to go in mid-job, and when."""

    pod: str
    job: str
    at: float


@pytest.mark.fault("R42")
def test_a_pod_that_must_go_finishes_its_job_if_it_may_and_gives_it_back_in_time_if_not(
    new_site: SiteMaker, case: Case
) -> None:
    """Five drains side by side, as each takes as long as its job: three with patience, two without."""
    patient, hasty = new_site(), new_site()
    patient.create_pool(job_types=(WEB_VIDEO,), max_replicas=3, env=SLOW, lifecycle={"evictionGraceSeconds": 180})
    hasty.create_pool(
        job_types=(WEB_VIDEO,),
        max_replicas=2,
        env=SLOW,
        lifecycle={"drainTimeoutSeconds": DRAIN_TIMEOUT_SECONDS, "evictionGraceSeconds": SHORT_GRACE_SECONDS},
    )
    saved = give_orders(patient, (annotate, delete, evict))
    given_back = [assert_given_back(hasty, order) for order in give_orders(hasty, (annotate, delete))]
    case.told("DrainCut", max(given_back))
    for order in saved:
        assert_finished(patient, order)
    told = patient.server.client.statistics()
    assert (told.accepts, told.completed) == (3, 3)
    assert (told.aborts, told.reclaims, told.errors, told.orphans) == (0, 0, 0, ())
    impatient = hasty.server.client.statistics()
    assert (impatient.reclaims, impatient.errors, impatient.orphans) == (0, 0, ())


Order = Callable[[Site, str], None]


def give_orders(site: Site, orders: tuple[Order, ...]) -> list[Ordered]:
    """Have one pod for each order take a job, and give the orders."""
    jobs = site.enqueue(len(orders), seconds=JOB_SECONDS)
    holders = site.await_holders(jobs)
    assert len(set(holders.values())) == len(orders)
    given = []
    for job, order in zip(jobs, orders, strict=True):
        pod = holders[job]
        with followed(site.cluster, site.namespace, pod, site.directory) as log:
            log.await_line("Processing job", seconds=20)
            at = now()
            order(site, pod)
            assert_told_soon(log, at, order.__name__)
        given.append(Ordered(pod=pod, job=job, at=at))
    return given


def annotate(site: Site, pod: str) -> None:
    site.kubectl("annotate", "pod", pod, "runnerpool.dev/drain=by hand")


def delete(site: Site, pod: str) -> None:
    site.kubectl("delete", "pod", pod, "--wait=false")


def evict(site: Site, pod: str) -> None:
    """`kubectl drain` as an administrator gives it, but for one pod; the node is free again once it has begun."""
    node, options = choose_for_drain(site, pod)
    draining = kubectl_process(site.cluster, "drain", node, *options, "--timeout=150s", output=subprocess.DEVNULL)
    try:
        until(lambda: _deleted(site, pod), f"the eviction of pod {pod}", seconds=20, evidence=draining.poll)
    finally:
        end(draining)
        site.cluster.kubectl("uncordon", node)


def _deleted(site: Site, pod: str) -> bool:
    return "deletionTimestamp" in _last(site, pod)["metadata"]


def _last(site: Site, pod: str) -> dict[str, Any]:
    heard = site.pod(pod)
    assert heard is not None
    return dict(heard)


def assert_told_soon(log: AgentLog, at: float, how: str) -> None:
    told = log.await_line(TOLD, seconds=10)
    print(f"{how}: the runner was told {told.at - at:.2f} s after the order")
    assert told.at - at <= TOLD_SECONDS


def assert_finished(site: Site, order: Ordered) -> None:
    steps = site.await_step(order.job, "completed", seconds=JOB_SECONDS + 60)
    uploaded = when(steps, "success")
    assert uploaded is not None
    assert uploaded - order.at >= AFTER_THE_ORDER_SECONDS
    assert [step["runner"] for step in steps.history if step["cause"] == "success"] == [order.pod]
    assert (steps.count("accept"), steps.count("abort"), steps.count("watchdog")) == (1, 0, 0)
    assert exit_code(site, order.pod) == 0


def assert_given_back(site: Site, order: Ordered) -> float:
    """Seconds from the order until the job was back in the queue."""
    steps = site.await_step(order.job, "abort", seconds=SHORT_GRACE_SECONDS + 30)
    aborted = when(steps, "abort")
    assert aborted is not None
    assert DRAIN_TIMEOUT_SECONDS - 2 <= aborted - order.at < SHORT_GRACE_SECONDS
    back = next(step for step in steps.history if step["cause"] == "abort")
    assert (back["before"], back["after"], back["runner"]) == (2, 1, order.pod)
    # An exit code of its own: the pod ended by itself, and was not killed (137).
    assert exit_code(site, order.pod) == DRAIN_CUT
    site.server.client.cancel(order.job)
    return aborted - order.at


def exit_code(site: Site, pod: str) -> int:
    def ended() -> dict[str, Any] | None:
        statuses = _last(site, pod)["status"].get("containerStatuses") or [{}]
        found: dict[str, Any] | None = statuses[0].get("state", {}).get("terminated")
        return found

    found = until(ended, f"the end of pod {pod}", seconds=60, evidence=site.describe)
    assert found is not None
    return int(found["exitCode"])
