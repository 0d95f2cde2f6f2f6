"""Whole passes while a Secret of the pool is no good: nothing is made, nothing goes, the cause is told, it heals."""

import pytest
import trustme

from runnerpool.planning.jobs import JobState
from support.builders import make_job

PEM = trustme.CA().cert_pem.bytes().decode()
EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
WRITES = ("create_pod", "delete_pod", "order_drain")


@pytest.fixture
async def at_work(make_stage):
    """Three pods, two of them busy, of a pool that names both Secrets."""
    server = {
        "url": "https://video.example.org",
        "credentialsRef": {"name": "peertube-admin"},
        "caBundleRef": {"name": "authority"},
    }
    stage = make_stage(server=server, scaling={"minReplicas": 1, "maxReplicas": 3, "idleSeconds": 60})
    stage.cluster.logins["authority"] = {"ca.crt": PEM}
    stage.link.set(pending=tuple(make_job(f"job-{n}") for n in range(3)), pending_total=3)
    await stage.settle()
    for name in stage.pods:
        stage.cluster.start(name)
    busy = tuple(make_job(f"active-{n}", JobState.PROCESSING, runner=name) for n, name in enumerate(stage.pods[:2]))
    stage.link.set(pending=(), pending_total=0, active=busy)
    await stage.settle()
    assert (len(stage.pods), stage.cluster.status["busyReplicas"]) == (3, 2)
    assert [marks[EVICTABLE] for marks in annotations(stage).values()] == ["false", "false", "true"]
    return stage


def writes(stage):
    return [call for call in stage.cluster.calls if call in WRITES]


def annotations(stage):
    """Drain orders, fingerprints, and the marks that keep node autoscalers off busy pods."""
    return {name: dict(pod["metadata"]["annotations"]) for name, pod in stage.cluster.pods.items()}


@pytest.mark.parametrize(
    ("secret", "reason"), [("peertube-admin", "SecretNotFound"), ("authority", "CaBundleNotFound")]
)
async def test_a_secret_that_is_deleted_for_an_hour_costs_no_pod_and_no_knowledge_of_who_is_busy(
    at_work, secret, reason
):
    values = at_work.cluster.logins.pop(secret)
    before = (writes(at_work), annotations(at_work))

    for _ in range(60):
        at_work.clock.advance(60)
        await at_work.make_pass()

    assert (writes(at_work), annotations(at_work)) == before
    assert at_work.links.released
    assert at_work.cluster.condition("QueueReachable")["reason"] == reason
    assert at_work.cluster.condition("Ready")["status"] == "False"
    at_work.cluster.logins[secret] = values
    await at_work.make_pass()
    assert at_work.cluster.condition("Ready")["status"] == "True"


async def test_a_bundle_that_cannot_be_read_makes_no_pod_outdated(at_work):
    before = annotations(at_work)
    at_work.cluster.logins["authority"] = {"ca.crt": "no certificate"}

    for _ in range(10):
        at_work.clock.advance(30)
        await at_work.make_pass()

    assert at_work.cluster.condition("QueueReachable")["reason"] == "CaBundleInvalid"
    assert annotations(at_work) == before
