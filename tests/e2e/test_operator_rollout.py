"""Changed settings on a real node: one unproven pod first, the old ones at work until it has shown that it works."""

import json

import pytest

from support.observer.observer import Observer
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(380)]

BROKEN_IMAGE = "localhost/no-such-runner:broken"
SLOW = {"STAND_IN_READ_RATE": "1"}
JOB_SECONDS = 40
TOLD_SECONDS = 60
GONE_SECONDS = 20


@pytest.mark.fault("R43")
def test_a_rollout_to_a_broken_image_stops_after_one_pod_says_so_and_recovers_when_the_image_is_mended(
    here: Site, observer: Observer, case: Case
) -> None:
    here.create_pool(job_types=(WEB_VIDEO,), max_replicas=2, idle_seconds=600, env=SLOW)
    holders = here.await_holders(here.enqueue(2, seconds=JOB_SECONDS))
    old = set(holders.values())
    assert len(old) == 2

    case.watch(observer, here.namespace)
    case.begins()
    change_runner(here, image=BROKEN_IMAGE)
    case.tells("RolloutStalled", condition="Progressing", within=TOLD_SECONDS)
    made = {pod["metadata"]["name"]: pod for pod in here.reader.pods(here.namespace)}.keys() - old
    assert len(made) == 1
    until(lambda: not here.server.open_jobs(), "the end of both jobs", seconds=JOB_SECONDS + 30, evidence=here.describe)
    more = here.enqueue(2, seconds=3)
    until(lambda: not here.server.open_jobs(), "the end of two more jobs", seconds=60, evidence=here.describe)
    assert {here.steps(job).count("accept") for job in (*holders, *more)} == {1}
    assert {str(here.pod(name)["status"]["phase"]) for name in old if here.pod(name)} == {"Running"}

    case.cured()
    change_runner(here, image=None, ffmpeg={"nice": 11})
    last = here.enqueue(2, seconds=3)
    until(lambda: not here.server.open_jobs(), "the end of the last jobs", seconds=90, evidence=here.describe)
    case.heals(within=TOLD_SECONDS, shows="Steady")
    # Those that have been let go may take a moment to end.
    until(lambda: not (old | made) & set(pods_at_work(here)), "the end of old pods", seconds=GONE_SECONDS)
    assert {here.steps(job).count("accept") for job in last} == {1}
    told = here.server.client.statistics()
    assert (told.aborts, told.reclaims, told.errors, told.orphans) == (0, 0, 0, ())


def change_runner(site: Site, **changes: object) -> None:
    patch = json.dumps({"spec": {"runner": changes}})
    site.kubectl("patch", "trp", "vod", "--type=merge", f"--patch={patch}")


def pods_at_work(site: Site) -> list[str]:
    return [pod["metadata"]["name"] for pod in site.reader.pods(site.namespace) if pod["status"]["phase"] == "Running"]
