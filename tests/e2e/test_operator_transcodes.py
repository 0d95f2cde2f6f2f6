"""The main job, on a real node: from an empty pool through the cap and back to nothing."""

import json
import time
from collections.abc import Iterable

import pytest

from support.stage.figures import figures
from support.stage.fixtures import SiteMaker
from support.stage.kube import PodEvent
from support.stage.operator import Operator
from support.stage.outputs import all_problems
from support.stage.pools import ALL_OF_AN_UPLOAD
from support.stage.site import Site
from support.stage.videos import VideoSpec, sound
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

MAX_REPLICAS = 3
VIDEOS = (
    VideoSpec(name="first", width=640, height=360, seconds=4),
    VideoSpec(name="upright", width=240, height=426, seconds=4),
    VideoSpec(name="silent", width=256, height=144, seconds=5, sound=False),
    sound("talk", 8),
    *(VideoSpec(name=f"small {number}", width=426, height=240, seconds=3 + number) for number in range(3)),
    *(VideoSpec(name=f"tiny {number}", width=256, height=144, seconds=3 + number) for number in range(3)),
)
TYPES = {"8.2": ALL_OF_AN_UPLOAD, "6.3": tuple(kind for kind in ALL_OF_AN_UPLOAD if "storyboard" not in kind)}
TRANSCODED_SECONDS = 300
GONE_SECONDS = 60


@pytest.mark.parametrize("version", ["8.2", "6.3"])
def test_ten_videos_are_transcoded_over_tls_by_pods_that_come_and_go_and_leave_nothing(
    operator: Operator, new_site: SiteMaker, version: str
) -> None:
    """Operator, Node and FFmpeg trust the server by the pool's CA bundle alone."""
    here = new_site(version=version, private_ca=True)
    if version == "6.3":
        # It hands any job to any runner; so the pool asks for all types that are on, or gets no pod.
        here.server.client.set(remoteRunners={"transcoding": True, "live": False, "studio": False})
    here.create_pool(max_replicas=MAX_REPLICAS, idle_seconds=5, job_types=TYPES[version])
    assert here.leftovers() == []

    uploads = here.server.upload(VIDEOS)
    assert len(uploads) == 10
    until(lambda: not here.server.open_jobs(), "the end of all jobs", seconds=TRANSCODED_SECONDS,
          evidence=here.describe, every=1)  # fmt: skip
    done = time.monotonic()
    here.await_nothing_left(seconds=GONE_SECONDS)
    print(f"nothing left {time.monotonic() - done:.1f} s after the last result")

    results = here.server.results(uploads)
    assert all(video.complete for _, video in results)
    assert all_problems(results, version=version) == []
    told = here.server.client.statistics()
    assert (told.aborts, told.reclaims, told.errors, told.orphans) == (0, 0, 0, ())
    assert most_takers(here.watch.events()) == MAX_REPLICAS
    assert operator.worries(here.namespace) == []
    run = figures(told.jobs)
    assert sum(run.jobs.values()) == sum(len(video.outputs) for _, video in results)
    print(f"{sum(run.jobs.values())} jobs, {run.wall_seconds:.1f} s wall, parallelism {run.parallelism:.2f}")


def most_takers(events: Iterable[PodEvent]) -> int:
    """The most pods that could take work at any one moment."""
    takers: set[str] = set()
    most = 0
    for event in events:
        metadata, phase = event.pod["metadata"], event.pod["status"].get("phase")
        ended = event.kind == "DELETED" or phase in {"Succeeded", "Failed"} or "deletionTimestamp" in metadata
        if ended or "runnerpool.dev/drain" in metadata.get("annotations", {}):
            takers.discard(event.name)
        else:
            takers.add(event.name)
        most = max(most, len(takers))
    return most


def test_ffmpeg_runs_with_the_pools_threads_and_niceness(here: Site) -> None:
    here.create_pool(max_replicas=1, threads=3, nice=7, env={"STAND_IN_READ_RATE": "1"})
    (job,) = here.enqueue(1, seconds=40)
    pod = here.await_holders([job])[job]

    def ffmpeg() -> list[str] | None:
        """Niceness and words of an encode: of no look at the encoders, of no `nice` that has yet to become one."""
        processes = here.kubectl("exec", pod, "--", "ps", "-e", "-o", "ni,args").splitlines()
        lines = (line.split() for line in processes)
        return next((line for line in lines if line[1] == "ffmpeg" and "-threads" in line), None)

    found = until(ffmpeg, f"FFmpeg in pod {pod}", seconds=30)
    assert found is not None
    niceness, *arguments = found
    assert niceness == "7", found
    assert arguments[arguments.index("-threads") + 1] == "3"
    here.server.client.cancel(job)


def test_the_operator_works_in_restricted_namespaces_under_few_rights_of_its_own(
    operator: Operator, here: Site
) -> None:
    deployment = json.loads(
        operator.cluster.kubectl(
            "get", "deployment", "runnerpool", "--namespace=runnerpool-system", "--output=json"
        ).stdout
    )
    account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
    assert account == "runnerpool"
    for namespace in (here.namespace, "runnerpool-system"):
        enforced = operator.cluster.kubectl("get", "namespace", namespace, "--output=json").stdout
        assert json.loads(enforced)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def may(verb: str, resource: str, *options: str) -> bool:
        who = f"--as=system:serviceaccount:runnerpool-system:{account}"
        where = f"--namespace={here.namespace}"
        asked = operator.cluster.kubectl("auth", "can-i", verb, resource, who, where, *options, check=False)
        return asked.stdout.strip() == "yes"

    assert may("create", "pods")
    assert may("get", "secrets")
    assert not may("create", "pods", "--subresource=exec")
    refused = [("list", "secrets"), ("get", "nodes"), ("update", "deployments"), ("delete", "secrets"), ("*", "*")]
    assert [pair for pair in refused if may(*pair)] == []
