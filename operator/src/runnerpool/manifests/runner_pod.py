"""The pod of one runner, hardened to Kubernetes' restricted Pod Security Standard."""

from collections.abc import Mapping
from typing import Any

from runnerpool.api import names
from runnerpool.api.pool import Pool, is_reserved_key
from runnerpool.manifests.agent_secret import agent_settings
from runnerpool.manifests.container import runner_container, volumes
from runnerpool.manifests.fingerprint import fingerprint
from runnerpool.manifests.metadata import labels, owner_reference

USER_ID = 10001
"""User and group of the runner image. The Secret is readable by the group."""
AUTOSCALER_MARKS = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}
"""A starting or working pod is not for node autoscalers to move."""


def runner_pod(pool: Pool, ordinal: int, *, image: str) -> dict[str, Any]:
    """The pod, held back by the scheduling gate until its runner is registered.

    What the pool's author sets in `podTemplate` goes under what we set, never over it.
    """
    pod = _pod(pool, names.pod_name(pool.name, pool.uid, ordinal), image)
    pod["metadata"]["annotations"][names.ANNOTATION_TEMPLATE_HASH] = template_hash(pool, image=image)
    return pod


def template_hash(pool: Pool, *, image: str) -> str:
    """Fingerprint of everything that pod and agent are made from, but for what differs from pod to pod."""
    return fingerprint(_pod(pool, "", image), agent_settings(pool))


def _pod(pool: Pool, name: str, image: str) -> dict[str, Any]:
    template = pool.spec.pod_template
    owner = owner_reference(api_version=names.API_VERSION, kind=names.KIND, name=pool.name, uid=pool.uid)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": pool.namespace,
            "labels": _not_ours(template.labels) | labels(pool),
            "annotations": _not_ours(template.annotations) | AUTOSCALER_MARKS,
            "ownerReferences": [owner],
        },
        "spec": _author_spec(pool) | _hardened_spec(pool, name, image),
    }


def _not_ours(marks: Mapping[str, str]) -> dict[str, str]:
    """The CRD refuses ours already; a drain annotation that slipped through would end every pod at once."""
    return {key: value for key, value in marks.items() if not is_reserved_key(key)}


def _author_spec(pool: Pool) -> dict[str, Any]:
    """The part of the pod's spec that is the author's; what is empty is left out."""
    template = pool.spec.pod_template
    fields: dict[str, Any] = {
        "nodeSelector": template.node_selector,
        "tolerations": template.tolerations,
        "affinity": template.affinity,
        "topologySpreadConstraints": template.topology_spread_constraints,
        "priorityClassName": template.priority_class_name,
        "runtimeClassName": template.runtime_class_name,
        "imagePullSecrets": [{"name": secret.name} for secret in template.image_pull_secrets],
        "hostAliases": template.host_aliases,
        "dnsConfig": template.dns_config,
    }
    return {name: value for name, value in fields.items() if value}


def _hardened_spec(pool: Pool, name: str, image: str) -> dict[str, Any]:
    return {
        "schedulingGates": [{"name": names.SCHEDULING_GATE}],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pool.spec.lifecycle.eviction_grace_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [runner_container(pool, image)],
        "volumes": volumes(pool, name),
    }
