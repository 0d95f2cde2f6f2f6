"""`kubectl drain` of a node whose pod has a job that outlasts its grace, which is 600 s by default."""

import time

import pytest

from support.stage.node_drain import choose_for_drain
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site

pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(1800)]

JOB_SECONDS = 1200


def test_a_node_is_drained_within_15_minutes_with_the_defaults_whatever_the_job(
    here: Site, counted: dict[str, int]
) -> None:
    # What happens when the pool is deleted is no part of it; the job that was handed back would hold it.
    lifecycle = {"deletionPolicy": "Abort"}
    here.create_pool(job_types=(WEB_VIDEO,), max_replicas=1, env={"STAND_IN_READ_RATE": "1"}, lifecycle=lifecycle)
    (job,) = here.enqueue(1, seconds=JOB_SECONDS)
    pod = here.await_holders([job])[job]

    begun = time.monotonic()
    node, options = choose_for_drain(here, pod)
    try:
        here.kubectl("drain", node, *options, "--timeout=15m")
    finally:
        here.cluster.kubectl("uncordon", node)
    counted["seconds that the drain took"] = round(time.monotonic() - begun)

    steps = here.steps(job)
    counted |= {"jobs handed back": steps.count("abort"), "jobs left to the watchdog": steps.count("watchdog")}
    assert (steps.count("abort"), steps.count("watchdog"), steps.count("completed")) == (1, 0, 0)
    assert here.server.client.statistics().orphans == ()
