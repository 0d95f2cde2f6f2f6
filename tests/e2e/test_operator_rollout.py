"""Changed settings on a real node: one unproven pod first, the old ones at work until it has shown that it works."""

import json
import time

import pytest

from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO
from support.stage.site import Site
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

BROKEN_IMAGE = "localhost/no-such-runner:broken"
SLOW = {"STAND_IN_READ_RATE": "1"}
JOB_SECONDS = 40
TOLD_SECONDS = 60


@pytest.mark.fault("R43")
def test_a_rollout_to_a_broken_image_stops_after_one_pod_says_so_and_recovers_when_the_image_is_mended(
    here: Site, case: Case
) -> None:
    here.create_pool(job_types=(WEB_VIDEO,), max_replicas=2, idle_seconds=600, env=SLOW)
    holders = here.await_holders(here.enqueue(2, seconds=JOB_SECONDS))
    old = set(holders.values())
    assert len(old) == 2

    change_runner(here, image=BROKEN_IMAGE)
    case.told("RolloutStalled", seconds=await_progressing(here, "False", "RolloutStalled"))
    made = {pod["metadata"]["name"]: pod for pod in here.reader.pods(here.namespace)}.keys() - old
    assert len(made) == 1
    until(lambda: not here.server.open_jobs(), "the end of both jobs", seconds=JOB_SECONDS + 30, evidence=here.describe)
    more = here.enqueue(2, seconds=3)
    until(lambda: not here.server.open_jobs(), "the end of two more jobs", seconds=60, evidence=here.describe)
    assert {here.steps(job).count("accept") for job in (*holders, *more)} == {1}
    assert {str(here.pod(name)["status"]["phase"]) for name in old if here.pod(name)} == {"Running"}

    change_runner(here, image=None, ffmpeg={"nice": 11})
    last = here.enqueue(2, seconds=3)
    until(lambda: not here.server.open_jobs(), "the end of the last jobs", seconds=90, evidence=here.describe)
    case.healed(seconds=await_progressing(here, "False", "Steady"))
    assert not (old | made) & set(pods_at_work(here))
    assert {here.steps(job).count("accept") for job in last} == {1}
    told = here.server.client.statistics()
    assert (told.aborts, told.reclaims, told.errors, told.orphans) == (0, 0, 0, ())


def change_runner(site: Site, **changes: object) -> None:
    patch = json.dumps({"spec": {"runner": changes}})
    site.kubectl("patch", "trp", "vod", "--type=merge", f"--patch={patch}")


def pods_at_work(site: Site) -> list[str]:
    return [pod["metadata"]["name"] for pod in site.reader.pods(site.namespace) if pod["status"]["phase"] == "Running"]


def await_progressing(site: Site, status: str, reason: str) -> float:
    """Seconds until the condition says so."""
    began = time.monotonic()

    def says() -> Json | None:
        conditions = ((site.pool() or {}).get("status") or {}).get("conditions") or []
        found = [c for c in conditions if c["type"] == "Progressing" and (c["status"], c["reason"]) == (status, reason)]
        return found[0] if found else None

    until(says, f"Progressing {status} {reason}", seconds=TOLD_SECONDS, evidence=site.describe)
    return time.monotonic() - began
