"""A pool deleted while its pods work, and an operator that dies meanwhile."""

import pytest

from support.stage.figures import when
from support.stage.operator import Operator
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site, now
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

JOB_SECONDS = 25
GONE_SECONDS = 60


def test_a_pool_deleted_in_mid_job_goes_when_the_job_is_done_though_the_operator_was_killed(
    operator: Operator, here: Site
) -> None:
    here.create_pool(
        job_types=(WEB_VIDEO,),
        max_replicas=1,
        env={"STAND_IN_READ_RATE": "1"},
        lifecycle={"deletionPolicy": "Drain"},
    )
    (job,) = here.enqueue(1, seconds=JOB_SECONDS)
    pod = here.await_holders([job])[job]

    here.kubectl("delete", "trp", "vod", "--wait=false")
    until(lambda: _drained(here, pod), f"the drain order to pod {pod}", seconds=20, evidence=here.describe)
    operator.await_successor(operator.kill())
    restarted = now()

    steps = here.await_step(job, "completed", seconds=JOB_SECONDS + 60)
    uploaded = when(steps, "success")
    assert uploaded is not None
    assert uploaded > restarted, "the operator was back only after the job was done"
    assert (steps.count("accept"), steps.count("abort"), steps.count("watchdog")) == (1, 0, 0)
    until(lambda: here.pool() is None, "the end of the pool", seconds=GONE_SECONDS, evidence=here.describe)
    assert here.leftovers() == []


def _drained(site: Site, pod: str) -> bool:
    heard = site.pod(pod)
    return heard is not None and "runnerpool.dev/drain" in heard["metadata"].get("annotations", {})
