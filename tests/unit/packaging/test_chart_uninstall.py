"""The check that Helm runs before it uninstalls a release."""

from typing import Any

import pytest

from support.packaging import helm
from support.packaging.pod_security import violations
from support.packaging.value_files import VALUE_FILES

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm

ABANDONING = "pools may be abandoned"
CHECKING = sorted(VALUE_FILES.keys() - {ABANDONING})
LIST_POOLS = [{"apiGroups": ["runnerpool.dev"], "resources": ["transcodingrunnerpools"], "verbs": ["list"]}]


def of_kind(documents: list[helm.Manifest], *kinds: str) -> list[helm.Manifest]:
    return [document for document in documents if document["kind"] in kinds]


def check(values: dict[str, Any]) -> helm.Manifest:
    [job] = of_kind(helm.hooks(values), "Job")
    return job


def annotations(document: helm.Manifest) -> dict[str, str]:
    found: dict[str, str] = document["metadata"]["annotations"]
    return found


@pytest.mark.parametrize("name", CHECKING)
def test_everything_is_there_before_the_job_and_nothing_stays_after_success(name: str) -> None:
    documents = helm.hooks(VALUE_FILES[name])
    for document in documents:
        assert annotations(document)["helm.sh/hook"] == "pre-delete"
        policy = set(annotations(document)["helm.sh/hook-delete-policy"].split(","))
        assert policy >= {"before-hook-creation", "hook-succeeded"}
        weight = int(annotations(document).get("helm.sh/hook-weight", "0"))
        assert weight == (0 if document["kind"] == "Job" else -1)


def test_a_refusal_is_shown_and_goes_after_ten_minutes() -> None:
    job = check({})
    assert annotations(job)["helm.sh/hook-output-log-policy"] == "hook-failed"
    assert job["spec"]["ttlSecondsAfterFinished"] == 600


def test_the_check_ends_within_helms_patience_and_is_not_repeated() -> None:
    job = check({})
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] < 300
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_cluster_wide_it_may_list_pools_and_nothing_else() -> None:
    documents = helm.hooks({})
    [role] = of_kind(documents, "ClusterRole", "Role")
    assert role["kind"] == "ClusterRole"
    assert role["rules"] == LIST_POOLS


def test_with_a_list_of_namespaces_it_may_list_pools_in_these() -> None:
    roles = of_kind(helm.hooks({"watchNamespaces": ["media", "staging"]}), "ClusterRole", "Role")
    assert [(role["kind"], role["metadata"]["namespace"]) for role in roles] == [("Role", "media"), ("Role", "staging")]
    assert all(role["rules"] == LIST_POOLS for role in roles)


@pytest.mark.parametrize("name", CHECKING)
def test_the_rights_are_the_checks_own_account_alone(name: str) -> None:
    documents = helm.hooks(VALUE_FILES[name])
    account = check(VALUE_FILES[name])["spec"]["template"]["spec"]["serviceAccountName"]
    [made] = of_kind(documents, "ServiceAccount")
    assert made["metadata"]["name"] == account
    assert made["automountServiceAccountToken"] is False
    assert account not in {d["metadata"]["name"] for d in of_kind(helm.manifests(VALUE_FILES[name]), "ServiceAccount")}
    bindings = of_kind(documents, "RoleBinding", "ClusterRoleBinding")
    roles = {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents if "rules" in d}
    assert {(b["roleRef"]["kind"], b["metadata"].get("namespace"), b["roleRef"]["name"]) for b in bindings} == roles
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": helm.NAMESPACE}]


@pytest.mark.parametrize("name", CHECKING)
def test_the_checks_pod_meets_the_restricted_standard_and_is_bounded(name: str) -> None:
    pod = check(VALUE_FILES[name])["spec"]["template"]["spec"]
    assert not list(violations(pod))
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", CHECKING)
def test_the_check_runs_where_and_from_what_the_operator_does(name: str) -> None:
    [deployment] = of_kind(helm.manifests(VALUE_FILES[name]), "Deployment")
    operator, pod = deployment["spec"]["template"]["spec"], check(VALUE_FILES[name])["spec"]["template"]["spec"]
    for field in ("imagePullSecrets", "priorityClassName", "nodeSelector", "affinity", "tolerations"):
        assert pod.get(field) == operator.get(field)
    for field in ("image", "imagePullPolicy"):
        assert pod["containers"][0][field] == operator["containers"][0][field]


def test_the_checks_pod_is_not_taken_for_the_operators() -> None:
    documents = helm.manifests()
    labels = check({})["spec"]["template"]["metadata"]["labels"].items()
    [service], [deployment] = of_kind(documents, "Service"), of_kind(documents, "Deployment")
    assert not service["spec"]["selector"].items() <= labels
    assert not deployment["spec"]["selector"]["matchLabels"].items() <= labels


def test_names_stay_within_their_bound() -> None:
    name = check({})["metadata"]["name"]
    [long] = of_kind(helm.hooks(release="r" * 53), "Job")
    assert name == "runnerpool-uninstall-needs-no-pools"
    assert len(long["metadata"]["name"]) <= 63


def test_who_says_so_beforehand_may_abandon_pools() -> None:
    assert helm.hooks(VALUE_FILES[ABANDONING]) == []
