import json
from pathlib import Path

import pytest

from runnerpool.api import names
from runnerpool.manifests.container import SCRATCH_DIRECTORY
from runnerpool.manifests.fingerprint import LENGTH
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import build_hash, runner_pod, template_hash
from support.builders import make_pool

IMAGE = "registry.example.org/runner:1.2.3"
INPUTS = PodInputs(default_image=IMAGE)
GOLDEN = Path(__file__).parent / "golden"


def pod_of(**parts):
    return runner_pod(make_pool(**parts), 7, INPUTS)


def container_of(**parts):
    (container,) = pod_of(**parts)["spec"]["containers"]
    return container


FULL = {
    "runner": {
        "concurrency": 2,
        "resources": {
            "requests": {"cpu": 4, "memory": "2Gi", "nvidia.com/gpu": 1},
            "limits": {"cpu": "4", "memory": "4Gi", "nvidia.com/gpu": 1},
        },
        "scratch": {"size": "100Gi"},
    },
    "lifecycle": {"evictionGraceSeconds": 120},
    "podTemplate": {
        "labels": {"team": "video"},
        "annotations": {"example.org/note": "x"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": {"runnerpool.dev/pool": "vod"}},
                        },
                    }
                ]
            }
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "priorityClassName": "batch",
        "runtimeClassName": "nvidia",
        "imagePullSecrets": [{"name": "pull"}],
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["video.example.org"]}],
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "env": [{"name": "STAND_IN_READ_RATE", "value": "1"}],
    },
}


@pytest.mark.parametrize(("name", "parts"), [("plain", {}), ("full", FULL)])
def test_the_pod_is_to_the_letter_what_the_contract_says(name, parts):
    golden = json.loads((GOLDEN / f"{name}_pod.json").read_text())

    assert pod_of(**parts) == golden


def test_name_namespace_and_secret_belong_together():
    pod = pod_of()

    assert pod["metadata"]["name"] == "vod-0a1b2-7"
    assert pod["metadata"]["namespace"] == "media"
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == "vod-0a1b2-7"


def test_the_pool_controls_its_pod():
    (owner,) = pod_of()["metadata"]["ownerReferences"]

    assert (owner["kind"], owner["name"], owner["controller"]) == ("TranscodingRunnerPool", "vod", True)


def test_the_pod_waits_for_its_registration():
    assert pod_of()["spec"]["schedulingGates"] == [{"name": names.SCHEDULING_GATE}]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("labels", names.LABEL_MANAGED_BY),
        ("labels", names.LABEL_POOL),
        ("annotations", names.ANNOTATION_DRAIN),
        ("annotations", names.ANNOTATION_TEMPLATE_HASH),
    ],
)
def test_marks_of_ours_in_a_template_that_slipped_past_the_rules_are_dropped(kind, key):
    pool = make_pool()
    template = pool.spec.pod_template.model_copy(update={kind: {key: "theirs"}})
    spec = pool.spec.model_copy(update={"pod_template": template})

    pod = runner_pod(pool.model_copy(update={"spec": spec}), 7, INPUTS)

    assert pod["metadata"][kind].get(key) != "theirs"


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("annotations", "cluster-autoscaler.kubernetes.io/safe-to-evict"),
        ("annotations", "karpenter.sh/do-not-disrupt"),
        ("labels", "app.kubernetes.io/part-of"),
    ],
)
def test_the_template_goes_under_what_we_set(kind, key):
    plain = pod_of()["metadata"][kind][key]

    assert pod_of(podTemplate={kind: {key: "theirs"}})["metadata"][kind][key] == plain != "theirs"


def test_scratch_space_is_requested_so_that_the_scheduler_counts_it():
    assert container_of()["resources"]["requests"] == {"ephemeral-storage": "50Gi"}


@pytest.mark.parametrize("kind", ["requests", "limits"])
def test_an_authors_own_figure_for_ephemeral_storage_stands(kind):
    resources = container_of(runner={"resources": {kind: {"ephemeral-storage": "1Gi"}}})["resources"]

    assert resources[kind] == {"ephemeral-storage": "1Gi"}
    assert resources["requests"] != {"ephemeral-storage": "50Gi"}


def test_what_the_template_leaves_empty_is_not_in_the_pod():
    spec = pod_of()["spec"]

    assert not {"nodeSelector", "tolerations", "affinity", "dnsConfig", "priorityClassName"} & spec.keys()


def test_only_the_scratch_volume_is_writable():
    writable = [mount["mountPath"] for mount in container_of()["volumeMounts"] if not mount.get("readOnly")]

    assert writable == [SCRATCH_DIRECTORY]


def test_no_secret_and_no_api_token_reaches_the_environment():
    pod = pod_of(**FULL)

    assert pod["spec"]["automountServiceAccountToken"] is False
    assert all(variable.keys() == {"name", "value"} for variable in pod["spec"]["containers"][0]["env"])
    assert "envFrom" not in pod["spec"]["containers"][0]


def test_pods_of_one_pool_have_the_same_fingerprints():
    pool = make_pool()
    marks = [runner_pod(pool, ordinal, INPUTS)["metadata"]["annotations"] for ordinal in (1, 2)]

    assert {mark[names.ANNOTATION_TEMPLATE_HASH] for mark in marks} == {template_hash(pool, INPUTS)}
    assert {mark[names.ANNOTATION_BUILD_HASH] for mark in marks} == {build_hash(pool, INPUTS)}
    assert len(template_hash(pool, INPUTS)) == len(build_hash(pool, INPUTS)) == LENGTH


@pytest.mark.parametrize(
    "changed",
    [
        {"runner": {"image": "other"}},
        {"runner": {"concurrency": 2}},
        {"runner": {"ffmpeg": {"nice": 11}}},
        {"runner": {"scratch": {"size": "51Gi"}}},
        {"jobTypes": ["video-transcription"]},
        {"lifecycle": {"evictionGraceSeconds": 601}},
        {"podTemplate": {"labels": {"a": "b"}}},
        {"podTemplate": {"env": [{"name": "A"}]}},
    ],
)
def test_whatever_an_author_asks_of_pods_changes_both_fingerprints(changed):
    assert template_hash(make_pool(**changed), INPUTS) != template_hash(make_pool(), INPUTS)
    assert build_hash(make_pool(**changed), INPUTS) != build_hash(make_pool(), INPUTS)


def test_another_ca_bundle_changes_both_fingerprints():
    rotated = PodInputs(default_image=IMAGE, ca_bundle="other")

    assert template_hash(make_pool(), rotated) != template_hash(make_pool(), INPUTS)
    assert build_hash(make_pool(), rotated) != build_hash(make_pool(), INPUTS)


def test_the_image_of_another_release_of_the_operator_changes_only_the_build():
    upgraded = PodInputs(default_image="other")

    assert template_hash(make_pool(), upgraded) == template_hash(make_pool(), INPUTS)
    assert build_hash(make_pool(), upgraded) != build_hash(make_pool(), INPUTS)


def test_a_default_that_is_written_out_changes_no_fingerprint():
    written = make_pool(runner={"concurrency": 1, "ffmpeg": {"threads": "Auto", "nice": 10}})

    assert template_hash(written, INPUTS) == template_hash(make_pool(), INPUTS)


@pytest.mark.parametrize("changed", [{"scaling": {"maxReplicas": 3}}, {"lifecycle": {"drainTimeoutSeconds": 1}}])
def test_what_reaches_no_pod_leaves_the_fingerprints_alone(changed):
    assert template_hash(make_pool(**changed), INPUTS) == template_hash(make_pool(), INPUTS)
    assert build_hash(make_pool(**changed), INPUTS) == build_hash(make_pool(), INPUTS)
