"""The resource as a real API server judges it, and as kubectl tells it."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from runnerpool.api import names
from runnerpool.api.parsing import parse_pool
from support.builders import pool_body, spec_body
from support.cluster.backends import ClusterBackend
from support.crd import schema_of, with_defaults
from support.pool_cases.bad_pool import BadPool
from support.pool_cases.changes import BAD_CHANGES, OUTSIDE_THE_TEMPLATE, BadChange
from support.pool_cases.good import GOOD_SPECS
from support.pool_cases.table import BAD_POOLS
from support.reliability.case import Case
from support.stage.kube import Json

pytestmark = pytest.mark.cluster


def pool(namespace: str, spec: Mapping[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "vod", "namespace": namespace, **metadata},
        "spec": dict(spec),
    }


def applied(cluster: ClusterBackend, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = cluster.kubectl("apply", "--filename=-", "--output=json", stdin=json.dumps(body))
    stored: dict[str, Any] = json.loads(answer.stdout)
    return stored


def refused(cluster: ClusterBackend, body: Mapping[str, Any]) -> str:
    answer = cluster.kubectl("create", "--filename=-", "--dry-run=server", stdin=json.dumps(body), check=False)
    assert answer.returncode != 0, "the API server has accepted it"
    return answer.stderr


# Where the API server points elsewhere than the operator: at the field that a rule is about, or at the map or item.
_POINTS_AT = {
    "minReplicas above maxReplicas": "spec.scaling.minReplicas",
    "more threads than its CPUs can serve": "spec.runner.ffmpeg.threads",
    "more threads times jobs than its CPUs can serve": "spec.runner.ffmpeg.threads",
    "live with other job types": "spec.jobTypes",
    "live without a warm slot": "spec.scaling.idleSlots",
    "a label of ours": "spec.podTemplate.labels",
    "an annotation of ours": "spec.podTemplate.annotations",
    "an environment variable twice": "spec.podTemplate.env[1]",
    "a pull secret twice": "spec.podTemplate.imagePullSecrets[1]",
    "a job type twice": "spec.jobTypes[1]",
    "a name too long": "<nil>",
}


@pytest.mark.fault("Refused")
@pytest.mark.parametrize("bad", BAD_POOLS, ids=str)
def test_a_bad_pool_is_refused_with_the_path_and_the_remedy(api: httpx.Client, case: Case, bad: BadPool) -> None:
    begin = time.monotonic()
    answer = posted(api, pool("default", bad.spec, **(bad.metadata or {})))
    case.told("Invalid", time.monotonic() - begin)

    message = answer.json()["message"]
    assert answer.status_code == 422, message
    assert _POINTS_AT.get(bad.case, bad.path) in message
    assert bad.told in message
    assert bad.bound in message
    assert bad.told or bad.bound
    assert "rule evaluation failed" not in message  # a rule that trips over what another refuses tells nobody anything


@pytest.mark.parametrize("spec", GOOD_SPECS.values(), ids=GOOD_SPECS.keys())
def test_a_good_pool_is_stored_with_the_operators_defaults(api: httpx.Client, spec: dict[str, Any]) -> None:
    answer = posted(api, pool("default", spec), fieldValidation="Strict")

    assert answer.status_code == 201, answer.text
    stored = answer.json()["spec"]
    assert stored == with_defaults(schema_of("spec"), spec)
    assert parse_pool(pool_body(stored)) == parse_pool(pool_body(spec))


@pytest.mark.fault("Refused")
@pytest.mark.parametrize("change", BAD_CHANGES, ids=str)
def test_the_server_of_a_pool_cannot_be_changed(
    control_plane: ClusterBackend, namespace: str, case: Case, change: BadChange
) -> None:
    stored = applied(control_plane, pool(namespace, spec_body()))

    patch = json.dumps({"spec": {"server": change.server}})
    command = ("patch", "trp/vod", f"--namespace={namespace}", "--type=merge", f"--patch={patch}")
    begin = time.monotonic()
    answer = control_plane.kubectl(*command, check=False)
    case.told("Invalid", time.monotonic() - begin)

    assert answer.returncode != 0
    assert change.told in answer.stderr
    now = json.loads(control_plane.kubectl("get", "trp/vod", f"--namespace={namespace}", "--output=json").stdout)
    assert now["spec"] == stored["spec"]


def test_everything_but_the_server_can_be_changed(control_plane: ClusterBackend, namespace: str) -> None:
    applied(control_plane, pool(namespace, spec_body()))

    changed = spec_body(
        jobTypes=["video-transcription"], scaling={"maxReplicas": 3}, lifecycle={"deletionPolicy": "Abort"}
    )

    assert applied(control_plane, pool(namespace, changed))["metadata"]["generation"] == 2


def test_a_misspelt_field_is_refused_by_kubectl(control_plane: ClusterBackend) -> None:
    message = refused(control_plane, pool("default", spec_body(scaling={"maxReplica": 3})))

    assert 'unknown field "spec.scaling.maxReplica"' in message


@pytest.mark.fault("Refused")
@pytest.mark.parametrize("field", OUTSIDE_THE_TEMPLATE)
def test_a_template_field_outside_the_closed_list_is_refused_by_kubectl(
    control_plane: ClusterBackend, case: Case, field: str
) -> None:
    body = pool("default", spec_body(podTemplate={field: OUTSIDE_THE_TEMPLATE[field]}))

    begin = time.monotonic()
    assert f'unknown field "spec.podTemplate.{field}"' in refused(control_plane, body)
    case.told("unknown field", time.monotonic() - begin)
    by_server = ("apply", "--server-side", "--dry-run=server", "--validate=ignore", "--filename=-")
    answer = control_plane.kubectl(*by_server, stdin=json.dumps(body), check=False)
    assert f".spec.podTemplate.{field}: field not declared in schema" in answer.stderr


def test_a_client_of_the_api_is_refused_or_warned_of_a_template_field_outside_the_closed_list(
    api: httpx.Client,
) -> None:
    body = pool("default", spec_body(podTemplate=OUTSIDE_THE_TEMPLATE | {"labels": {"team": "video"}}))

    strict = posted(api, body, fieldValidation="Strict")
    warned = posted(api, body)

    assert strict.status_code == 400
    assert warned.status_code == 201
    for field in OUTSIDE_THE_TEMPLATE:
        assert f'unknown field "spec.podTemplate.{field}"' in strict.json()["message"]
        assert f'unknown field \\"spec.podTemplate.{field}\\"' in warned.headers["Warning"]
    # Nothing of it is kept, so that nothing of it can ever take effect.
    assert warned.json()["spec"]["podTemplate"] == {"labels": {"team": "video"}}


def posted(api: httpx.Client, body: Json, **query: str) -> httpx.Response:
    path = f"/apis/{names.API_VERSION}/namespaces/{body['metadata']['namespace']}/{names.PLURAL}"
    return api.post(path, json=body, params={"dryRun": "All", **query})


def test_the_status_is_written_apart_from_the_spec(control_plane: ClusterBackend, namespace: str) -> None:
    applied(control_plane, pool(namespace, spec_body()))

    patch_status(control_plane, namespace, {"desiredReplicas": 2})

    body = json.loads(control_plane.kubectl("get", "trp/vod", f"--namespace={namespace}", "--output=json").stdout)
    assert body["status"] == {"desiredReplicas": 2}
    assert body["metadata"]["generation"] == 1


def patch_status(cluster: ClusterBackend, namespace: str, status: Mapping[str, Any]) -> None:
    patch = json.dumps({"status": status})
    cluster.kubectl(
        "patch", "trp/vod", f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={patch}"
    )


def test_a_table_tells_the_story(control_plane: ClusterBackend, namespace: str) -> None:
    applied(control_plane, pool(namespace, spec_body()))
    patch_status(
        control_plane,
        namespace,
        {
            "desiredReplicas": 5,
            "readyReplicas": 4,
            "busyReplicas": 3,
            "queue": {"pending": 2, "processing": 3, "completing": 0, "waitingForParent": 9, "complete": True},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "lastTransitionTime": "2026-11-23T12:00:00Z",
                    "reason": "JobsPending",
                    "message": "5 pods for the queue",
                }
            ],
        },
    )

    head, row = control_plane.kubectl("get", "trp", f"--namespace={namespace}").stdout.splitlines()

    assert head.split() == ["NAME", "PENDING", "PROCESSING", "DESIRED", "READY", "BUSY", "REASON", "AGE"]
    assert row.split()[:-1] == ["vod", "2", "3", "5", "4", "3", "JobsPending"]
    wide = control_plane.kubectl("get", "trp", f"--namespace={namespace}", "--output=wide").stdout
    assert re.search(r"MIN +MAX +SERVER +MESSAGE\n.* 0 +10 +https://video.example.org +5 pods for the queue", wide)


def test_an_unread_queue_is_blank_in_the_table_and_not_zero(control_plane: ClusterBackend, namespace: str) -> None:
    applied(control_plane, pool(namespace, spec_body()))
    patch_status(control_plane, namespace, {"desiredReplicas": 0, "readyReplicas": 0})

    row = control_plane.kubectl("get", "trp", f"--namespace={namespace}", "--no-headers").stdout

    assert row.split()[:-1] == ["vod", "0", "0"]


def explained(cluster: ClusterBackend, field: str, wanted: str) -> str:
    """The API server publishes a new resource's schema a moment after it serves it."""
    for _ in range(50):
        text = " ".join(cluster.kubectl("explain", field, check=False).stdout.split())
        if wanted in text:
            break
        time.sleep(0.2)
    return text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("trp", "Create the pool first, then enable remote runners in PeerTube."),
        ("trp.spec.scaling", "Pods that may take work at the same time, at most."),
        ("trp.spec.scaling", "enum: Off, Hold"),
        ("trp.spec.scaling", "(jobs that may be taken + jobs in hand + idleSlots) ÷ runner.concurrency"),
        ("trp.spec.server.credentialsRef", "No runner pod ever sees it."),
        ("trp.spec.podTemplate.env", "Never put a secret here"),
        ("trp.status.queue", "unknown is not zero"),
    ],
)
def test_explain_reads_like_documentation(control_plane: ClusterBackend, field: str, text: str) -> None:
    assert text in explained(control_plane, field, text)
