"""What the operator may do, and how its pod is confined."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from runnerpool.api.model import SecretRef
from runnerpool.api.pool import Pool, PoolSpec, Scaling, Server
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.gateway import ClusterGateway
from runnerpool.cluster.lease import LeaseStore, LeaseTerms
from support.packaging import helm
from support.packaging.pod_security import violations
from support.packaging.value_files import VALUE_FILES

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm

Right = tuple[str, str, str]
"""API group, resource (with its subresource) and verb."""

IN_POOL_NAMESPACES: set[Right] = {
    ("runnerpool.dev", "transcodingrunnerpools", "get"),
    ("runnerpool.dev", "transcodingrunnerpools", "list"),
    ("runnerpool.dev", "transcodingrunnerpools", "watch"),
    ("runnerpool.dev", "transcodingrunnerpools", "patch"),
    ("runnerpool.dev", "transcodingrunnerpools/status", "patch"),
    ("", "pods", "list"),
    ("", "pods", "watch"),
    ("", "pods", "create"),
    ("", "pods", "patch"),
    ("", "pods", "delete"),
    ("", "secrets", "get"),
    ("", "secrets", "create"),
    ("", "events", "create"),
}
CLUSTER_ID: set[Right] = {("", "namespaces", "get")}
OF_DELETED_NAMESPACES: set[Right] = {
    ("runnerpool.dev", "transcodingrunnerpools", "get"),
    ("runnerpool.dev", "transcodingrunnerpools", "patch"),
    ("", "namespaces", "get"),
}
OF_KOPF: set[Right] = {
    (group, resource, verb)
    for group, resource in (("runnerpool.dev", "transcodingrunnerpools"), ("", "pods"))
    for verb in ("list", "watch")
}
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
LEASE_ROLE = "runnerpool-lease"
LEASE: set[Right] = {("coordination.k8s.io", "leases", verb) for verb in ("get", "create", "update")}


def granted(values: dict[str, Any], kind: str) -> dict[str, set[Right]]:
    """The rights in roles of a kind, by the role's namespace; those to the Lease have a test of their own."""
    return {
        role["metadata"].get("namespace", ""): {
            (group, resource, verb)
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        for role in helm.manifests(values)
        if role["kind"] == kind and role["metadata"]["name"] != LEASE_ROLE
    }


def nodes(value: object) -> Iterator[tuple[str, object]]:
    """Every key of a tree with its value."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield key, child
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


class RecordingApi:
    """Answers every call with an object that fits all of them, and remembers which right it takes."""

    def __init__(self) -> None:
        self.used: set[Right] = set()

    async def call(self, verb: str, path: str, **_: object) -> dict[str, Any]:
        prefix, group, *rest = path.strip("/").split("/")
        if prefix == "apis":
            rest = rest[1:]  # the version
        else:
            group = ""
        if not rest:
            return {}  # discovery, which Kubernetes' own role system:discovery allows to every account
        if rest[0] == "namespaces" and len(rest) > 2:
            rest = rest[2:]
        resource = "/".join([rest[0], *rest[2:]])
        is_list = verb == "GET" and len(rest) == 1
        self.used.add((group, resource, "list" if is_list else VERBS[verb]))
        return {"metadata": {"uid": "u", "resourceVersion": "1"}, "items": []}


async def rights_that_the_gateway_uses() -> set[Right]:
    spec = PoolSpec(
        server=Server(url="https://video.example.org", credentials_ref=SecretRef(name="s")),
        job_types=("vod-hls-transcoding",),
        scaling=Scaling(max_replicas=1),
    )
    manifest = {"metadata": {"namespace": "media", "name": "x", "resourceVersion": "1"}}
    known: dict[str, Any] = {
        "pool": Pool(namespace="media", name="vod", uid="u", generation=1, resource_version="1", spec=spec),
        "now": datetime(2026, 1, 1, tzinfo=UTC),
        "since": datetime(2026, 1, 1, tzinfo=UTC),
        "manifest": manifest,
        "body": manifest,
        "event": manifest,
        "finalizers": [],
        "reserved": [],
        "last_ordinal": 1,
        "status": {},
    }
    api = RecordingApi()
    gateway = ClusterGateway(cast("KubeApi", api))
    for name, method in inspect.getmembers(gateway, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            await method(**{parameter: known.get(parameter, "x") for parameter in inspect.signature(method).parameters})
    return api.used


async def test_the_operator_may_do_what_its_code_does_and_nothing_else() -> None:
    assert await rights_that_the_gateway_uses() | OF_KOPF == IN_POOL_NAMESPACES | CLUSTER_ID


async def test_the_one_lease_may_be_used_as_the_code_uses_it_and_no_other() -> None:
    api = RecordingApi()
    store = LeaseStore(cast("KubeApi", api), helm.NAMESPACE, helm.RELEASE)
    terms = LeaseTerms(holder="a", duration_seconds=15, transitions=0, acquired="", renewed="")
    read = await store.read()
    assert read is not None
    await store.create(terms)
    await store.replace(read, terms)
    assert api.used == LEASE

    [role] = [d for d in helm.manifests() if d["kind"] == "Role" and d["metadata"]["name"] == LEASE_ROLE]
    assert role["metadata"]["namespace"] == helm.NAMESPACE
    rights = {(tuple(rule.get("resourceNames", ())), *rule["verbs"]) for rule in role["rules"]}
    assert rights == {((), "create"), ((helm.RELEASE,), "get", "update")}
    assert {(*rule["apiGroups"], *rule["resources"]) for rule in role["rules"]} == {("coordination.k8s.io", "leases")}


def test_cluster_wide_by_default() -> None:
    assert granted({}, "ClusterRole") == {"": IN_POOL_NAMESPACES | CLUSTER_ID}
    assert granted({}, "Role") == {}


def test_with_a_list_of_namespaces_the_rights_are_theirs() -> None:
    values = {"watchNamespaces": ["media", "staging"]}
    assert granted(values, "Role") == {"media": IN_POOL_NAMESPACES, "staging": IN_POOL_NAMESPACES}
    assert granted(values, "ClusterRole") == {"": CLUSTER_ID}


def test_pools_of_all_namespaces_may_be_patched_only_where_deleted_namespaces_are_to_be_finished() -> None:
    values = {"watchNamespaces": ["media", "staging"], "finishDeletedNamespaces": True}
    assert granted(values, "Role") == {"media": IN_POOL_NAMESPACES, "staging": IN_POOL_NAMESPACES}
    assert granted(values, "ClusterRole") == {"": CLUSTER_ID | OF_DELETED_NAMESPACES}
    assert granted(values | {"clusterId": "berlin-1"}, "ClusterRole") == {"": OF_DELETED_NAMESPACES}


def test_without_a_list_of_namespaces_finishing_deleted_ones_takes_no_right_more() -> None:
    assert granted({"finishDeletedNamespaces": True}, "ClusterRole") == granted({}, "ClusterRole")


def test_with_a_cluster_id_of_its_own_too_no_cluster_wide_right_is_left() -> None:
    values = {"watchNamespaces": ["media"], "clusterId": "berlin-1"}
    kinds = {d["kind"] for d in helm.manifests(values)}
    assert not {"ClusterRole", "ClusterRoleBinding"} & kinds


def test_with_a_cluster_id_of_its_own_namespaces_are_not_read() -> None:
    assert granted({"clusterId": "berlin-1"}, "ClusterRole") == {"": IN_POOL_NAMESPACES}


@pytest.mark.parametrize("watched", [[], ["media", "staging"]])
def test_only_kube_system_and_the_namespaces_of_the_list_may_be_read(watched: list[str]) -> None:
    rules = [
        rule
        for role in helm.manifests({"watchNamespaces": watched, "finishDeletedNamespaces": True})
        if role["kind"] == "ClusterRole"
        for rule in role["rules"]
        if "namespaces" in rule["resources"]
    ]
    assert [name for rule in rules for name in rule["resourceNames"]] == ["kube-system", *watched]


@pytest.mark.parametrize("name", VALUE_FILES)
def test_every_role_is_bound_to_the_operators_account_alone(name: str) -> None:
    documents = helm.manifests(VALUE_FILES[name])
    [account] = [d["spec"]["template"]["spec"]["serviceAccountName"] for d in documents if d["kind"] == "Deployment"]
    roles = {(d["kind"], d["metadata"].get("namespace"), d["metadata"]["name"]) for d in documents if "rules" in d}
    bindings = [d for d in documents if "roleRef" in d]
    bound = {(b["roleRef"]["kind"], b["metadata"].get("namespace"), b["roleRef"]["name"]) for b in bindings}
    assert bound == roles
    for binding in bindings:
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": helm.NAMESPACE}]


@pytest.mark.parametrize("name", VALUE_FILES)
def test_the_operators_pod_meets_the_restricted_standard(name: str) -> None:
    [pod] = [d["spec"]["template"]["spec"] for d in helm.manifests(VALUE_FILES[name]) if d["kind"] == "Deployment"]
    assert not list(violations(pod))
    [container] = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsUser"] == 10001


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("hostNetwork",), True),
        (("securityContext", "runAsNonRoot"), False),
        (("securityContext", "runAsUser"), 0),
        (("securityContext", "seccompProfile"), {"type": "Unconfined"}),
        (("volumes",), [{"name": "host", "hostPath": {"path": "/"}}]),
        (("containers", 0, "securityContext", "privileged"), True),
        (("containers", 0, "securityContext", "allowPrivilegeEscalation"), True),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["NET_RAW"]}),
        (("containers", 0, "securityContext", "capabilities"), {"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
        (("containers", 0, "ports"), [{"containerPort": 8080, "hostPort": 8080}]),
    ],
)
def test_the_check_of_the_restricted_standard_can_fail(path: tuple[str | int, ...], value: object) -> None:
    [pod] = [d["spec"]["template"]["spec"] for d in helm.manifests() if d["kind"] == "Deployment"]
    target: Any = pod
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    assert len(list(violations(pod))) == 1


@pytest.mark.parametrize("name", VALUE_FILES)
def test_no_secret_comes_by_environment(name: str) -> None:
    keys = {key for document in helm.manifests(VALUE_FILES[name]) for key, _ in nodes(document.get("spec", {}))}
    assert not {"envFrom", "secretKeyRef"} & keys
    assert not [document for document in helm.manifests(VALUE_FILES[name]) if document["kind"] == "Secret"]


def test_nobody_but_the_operators_pod_gets_the_accounts_token() -> None:
    documents = helm.manifests()
    [account] = [d for d in documents if d["kind"] == "ServiceAccount"]
    [pod] = [d["spec"]["template"]["spec"] for d in documents if d["kind"] == "Deployment"]
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is True
    assert pod["enableServiceLinks"] is False
