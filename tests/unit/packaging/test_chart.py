"""The chart, rendered by the real helm."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from runnerpool import __version__
from support.packaging import helm
from support.packaging.paths import CHART, CRD
from support.packaging.value_files import DIGEST, VALUE_FILES
from support.packaging.yaml_lint import complaints

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm

CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
KUBERNETES = "1.37"
MONITORS = {"ServiceMonitor", "PodMonitor"}


def one(documents: list[helm.Manifest], kind: str) -> helm.Manifest:
    [found] = [document for document in documents if document["kind"] == kind]
    return found


def operator_pod(values: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = one(helm.manifests(values), "Deployment")["spec"]["template"]["spec"]
    return spec


def operator_arguments(values: dict[str, Any]) -> list[str]:
    arguments: list[str] = operator_pod(values)["containers"][0]["args"]
    return arguments


def test_helm_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART))


@pytest.mark.parametrize("name", VALUE_FILES)
def test_every_rendered_manifest_is_valid(name: str) -> None:
    documents = helm.manifests(VALUE_FILES[name])
    assert {"Deployment", "Service"} <= {document["kind"] for document in documents}
    for document in [*documents, *helm.hooks(VALUE_FILES[name])]:
        if document["kind"] in MONITORS:
            continue  # judged by their own definitions: tests/cluster/test_monitoring.py
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", VALUE_FILES)
def test_rendered_yaml_has_no_key_twice(name: str) -> None:
    text = helm.render({**VALUE_FILES[name], "crds": {"install": False}}, hooks=True)
    assert not complaints("-d", "{rules: {key-duplicates: enable}}", text=text)


@pytest.mark.parametrize("name", VALUE_FILES)
def test_what_lives_in_a_namespace_says_in_which_one(name: str) -> None:
    where = {"namespace": "elsewhere"}
    for document in [*helm.manifests(VALUE_FILES[name], **where), *helm.hooks(VALUE_FILES[name], **where)]:
        assert ("namespace" in document["metadata"]) == (document["kind"] not in CLUSTER_SCOPED), document["kind"]


def test_one_replica_goes_before_the_next_one_comes() -> None:
    spec = one(helm.manifests(), "Deployment")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert "affinity" not in spec["template"]["spec"]


def test_of_several_replicas_the_next_one_stands_by_before_one_goes() -> None:
    spec = one(helm.manifests({"replicas": 2}), "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_several_replicas_prefer_nodes_of_their_own_unless_told_otherwise() -> None:
    spec = one(helm.manifests({"replicas": 2}), "Deployment")["spec"]
    [weighted] = spec["template"]["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert weighted["podAffinityTerm"] == {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": spec["selector"]["matchLabels"]},
    }
    affinity = VALUE_FILES["placement"]["affinity"]
    both = operator_pod({"replicas": 2, "affinity": affinity})["affinity"]
    assert sorted(both) == ["nodeAffinity", "podAntiAffinity"]
    own = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    assert operator_pod({"replicas": 2, "affinity": own})["affinity"] == own


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_a_disruption_budget_keeps_one_of_several_and_never_the_only_one(replicas: int, budgets: int) -> None:
    documents = helm.manifests({"replicas": replicas, "podDisruptionBudget": {"enabled": True}})
    found = [document for document in documents if document["kind"] == "PodDisruptionBudget"]
    assert len(found) == budgets
    for budget in found:
        assert budget["spec"]["minAvailable"] == 1
        assert budget["spec"]["selector"] == one(documents, "Deployment")["spec"]["selector"]
    assert "PodDisruptionBudget" not in {document["kind"] for document in helm.manifests({"replicas": 2})}


@pytest.mark.parametrize("replicas", [1, 2])
def test_whoever_acts_holds_a_lease_of_the_release_under_its_pods_name(replicas: int) -> None:
    container = operator_pod({"replicas": replicas})["containers"][0]
    lease = {"--lease-name=runnerpool", f"--lease-namespace={helm.NAMESPACE}", "--lease-identity=$(POD_NAME)"}
    assert {"--leader-election", *lease} <= set(container["args"])
    assert container["env"] == [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]


def test_the_service_and_the_deployment_select_the_operators_pod() -> None:
    documents = helm.manifests({"podLabels": {"app.kubernetes.io/name": "something-else", "team": "media"}})
    deployment, service = one(documents, "Deployment")["spec"], one(documents, "Service")["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert labels["team"] == "media"
    assert deployment["selector"]["matchLabels"].items() <= labels.items()
    assert service["selector"].items() <= labels.items()


def test_ports_and_probes_name_the_ports_that_the_operator_is_told() -> None:
    container = operator_pod({})["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"metrics": 8080, "health": 8081}
    assert {"--metrics-port=8080", "--health-port=8081"} <= set(container["args"])
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert one(helm.manifests(), "Service")["spec"]["ports"][0]["targetPort"] == "metrics"


def test_without_values_the_images_are_those_of_this_version() -> None:
    assert operator_pod({})["containers"][0]["image"] == f"localhost/runnerpool-operator:{__version__}"
    assert f"--runner-image=localhost/runnerpool-runner:{__version__}" in operator_arguments({})


def test_a_digest_wins_over_a_tag() -> None:
    values = {"image": {"tag": "1", "digest": DIGEST}, "runnerImage": {"tag": "1", "digest": DIGEST}}
    assert operator_pod(values)["containers"][0]["image"] == f"localhost/runnerpool-operator@{DIGEST}"
    assert f"--runner-image=localhost/runnerpool-runner@{DIGEST}" in operator_arguments(values)


def test_a_list_of_namespaces_reaches_the_operator() -> None:
    arguments = operator_arguments({"watchNamespaces": ["media", "staging"]})
    assert [a for a in arguments if a.startswith("--namespace=")] == ["--namespace=media", "--namespace=staging"]


def test_what_is_not_set_is_not_said() -> None:
    arguments = operator_arguments({})
    assert not [a for a in arguments if a.startswith(("--namespace", "--cluster-id"))]


def test_the_settings_reach_the_operator() -> None:
    arguments = operator_arguments({"clusterId": "berlin-1", "pollPeriodSeconds": 2, "logLevel": "debug"})
    assert arguments[0] == "run"
    assert {"--cluster-id=berlin-1", "--poll-period-seconds=2", "--log-level=debug", "--log-format=json"} <= set(
        arguments
    )


def test_placement_reaches_the_pod() -> None:
    values = VALUE_FILES["placement"]
    pod = operator_pod(values)
    for field in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert pod[field] == values[field]


def test_the_memory_is_limited_and_the_cpu_is_not() -> None:
    assert operator_pod({})["containers"][0]["resources"] == {
        "requests": {"cpu": "50m", "memory": "96Mi"},
        "limits": {"memory": "256Mi"},
    }


def test_two_releases_of_one_name_in_two_namespaces_share_no_object_but_the_crd() -> None:
    def identities(namespace: str) -> set[tuple[str, str, str]]:
        return {
            (document["kind"], document["metadata"].get("namespace", ""), document["metadata"]["name"])
            for document in [*helm.manifests(namespace=namespace), *helm.hooks(namespace=namespace)]
        }

    shared = identities("one") & identities("two")
    assert {kind for kind, _, _ in shared} == {"CustomResourceDefinition"}


def test_a_release_of_another_name_has_the_charts_name_in_its_objects() -> None:
    assert one(helm.manifests(release="media"), "Deployment")["metadata"]["name"] == "media-runnerpool"


def test_the_crd_is_the_one_in_crds_and_outlives_the_release() -> None:
    rendered, source = one(helm.manifests(), "CustomResourceDefinition"), yaml.safe_load(CRD.read_text())
    assert rendered["spec"] == source["spec"]
    assert rendered["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_crd_can_go_with_the_release_or_be_left_to_somebody_else() -> None:
    crd = one(helm.manifests({"crds": {"keep": False}}), "CustomResourceDefinition")
    assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})
    kinds = {document["kind"] for document in helm.manifests({"crds": {"install": False}})}
    assert "CustomResourceDefinition" not in kinds


def test_an_account_that_exists_is_used_and_not_made() -> None:
    documents = helm.manifests({"serviceAccount": {"create": False, "name": "given"}})
    assert "ServiceAccount" not in {document["kind"] for document in documents}
    assert one(documents, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == "given"
    assert one(documents, "ClusterRoleBinding")["subjects"][0]["name"] == "given"


def test_the_notes_tell_both_orders_and_warn_of_images_that_are_in_no_registry() -> None:
    text = helm.notes()
    steps = ["Create a Secret", "Create a pool", "enable remote runners in PeerTube", "Disable remote runners"]
    steps += ["Delete the pools", "helm uninstall", "kubectl delete crd"]
    assert [step for step in steps if step in text] == steps
    assert sorted(steps, key=text.index) == steps
    assert "is in no registry" in text
    assert "It refuses while pools are left." in text


def test_the_notes_tell_how_to_find_the_replica_that_acts() -> None:
    assert f"kubectl --namespace {helm.NAMESPACE} get lease runnerpool" in helm.notes({"replicas": 2})
    assert "get lease" not in helm.notes()


def test_the_notes_do_not_warn_of_images_in_a_registry() -> None:
    text = helm.notes({"image": {"repository": "registry.example.org/operator"}, "watchNamespaces": ["media"]})
    assert "WARNING" not in text
    assert "serves pools in: media." in text


def test_the_notes_warn_where_pools_would_be_abandoned() -> None:
    assert "does not look whether pools are left" in helm.notes({"uninstall": {"abandonPools": True}})
