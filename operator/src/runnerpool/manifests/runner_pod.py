"""The pod of one runner, hardened to Kubernetes' restricted Pod Security Standard."""

from collections.abc import Mapping
from typing import Any

from runnerpool.api import names
from runnerpool.api.pod_template import is_reserved_key
from runnerpool.api.pool import Pool
from runnerpool.manifests.agent_secret import agent_settings
from runnerpool.manifests.container import runner_container, volumes
from runnerpool.manifests.fingerprint import fingerprint
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.metadata import labels, owner_reference

USER_ID = 10001
"""User and group of the runner image. The Secret is readable by the group."""
_ASKED: Any = {"runner": True, "pod_template": True, "job_types": True, "server": {"url"}}


def runner_pod(pool: Pool, ordinal: int, inputs: PodInputs) -> dict[str, Any]:
    """The pod, held back by the scheduling gate until its runner is registered.

    What the pool's author sets in `podTemplate` goes under what we set, never over it.
    """
    pod = _pod(pool, names.pod_name(pool.name, pool.uid, ordinal), inputs)
    pod["metadata"]["annotations"] |= {
        names.ANNOTATION_TEMPLATE_HASH: template_hash(pool, inputs),
        names.ANNOTATION_BUILD_HASH: build_hash(pool, inputs),
    }
    return pod


def template_hash(pool: Pool, inputs: PodInputs) -> str:
    """Fingerprint of what the pool's author asked of its pods; an upgrade of the operator alone does not change it.

    Defaults are left out: a release that knows one field more must not take every pod for outdated.
    """
    spec = pool.spec
    asked = spec.model_dump(mode="json", include=_ASKED, exclude_defaults=True)
    return fingerprint(asked, spec.lifecycle.eviction_grace_seconds, inputs.ca_bundle)


def build_hash(pool: Pool, inputs: PodInputs) -> str:
    """Fingerprint of everything that pod and agent are made from, but for what differs from pod to pod."""
    return fingerprint(_pod(pool, "", inputs), agent_settings(pool, inputs))


def _pod(pool: Pool, name: str, inputs: PodInputs) -> dict[str, Any]:
    template = pool.spec.pod_template
    owner = owner_reference(api_version=names.API_VERSION, kind=names.KIND, name=pool.name, uid=pool.uid)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": pool.namespace,
            "labels": _not_ours(template.labels) | labels(pool),
            "annotations": _not_ours(template.annotations) | names.BUSY_MARKS,
            "ownerReferences": [owner],
        },
        "spec": _author_spec(pool) | _hardened_spec(pool, name, pool.spec.runner.image or inputs.default_image),
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
