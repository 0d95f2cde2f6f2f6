"""The Secret and the pool of a test or the demo: the samples that users start from, with a few fields changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from support.cluster.backends import ClusterBackend
from support.cluster.processes import wait_until
from support.packaging.paths import SAMPLES
from support.stage.kube import Json

POOL_KIND = "transcodingrunnerpools.runnerpool.dev"
POOL_PATH = "/apis/runnerpool.dev/v1alpha1/namespaces/{namespace}/transcodingrunnerpools/{name}"

_API_VERSION = "runnerpool.dev/v1alpha1"
_KIND = "TranscodingRunnerPool"

CA_SECRET = "private-authority"
WEB_VIDEO = "vod-web-video-transcoding"
ALL_OF_AN_UPLOAD = (WEB_VIDEO, "vod-hls-transcoding", "vod-audio-merge-transcoding", "generate-video-storyboard")
# A kubelet on a busy node may hand an order on with its next round only, after up to 90 s.
_REMOVAL_SECONDS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOrder:
    """What a pool has other than the sample. The resources let several pods share a small machine."""

    server_url: str
    password: str
    username: str = "root"
    name: str = "vod"
    job_types: Sequence[str] = ALL_OF_AN_UPLOAD
    max_replicas: int = 3
    idle_seconds: int = 5
    threads: int = 1
    nice: int = 10
    lifecycle: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str | None = None


def secret_manifest(order: PoolOrder, namespace: str) -> Json:
    manifest = _sample("secret.yaml")
    manifest["metadata"]["namespace"] = namespace
    login = {"url": order.server_url, "username": order.username, "password": order.password}
    manifest["stringData"] = login
    return manifest


def ca_manifest(name: str, pem: str, namespace: str) -> Json:
    """The Secret that `caBundleRef` names."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"ca.crt": pem}}


def pool_manifest(order: PoolOrder, namespace: str) -> Json:
    manifest = _sample("pool.yaml")
    manifest["metadata"] |= {"name": order.name, "namespace": namespace}
    spec = manifest["spec"]
    spec["server"]["url"] = order.server_url
    spec["jobTypes"] = list(order.job_types)
    spec["scaling"] |= {"maxReplicas": order.max_replicas, "idleSeconds": order.idle_seconds}
    spec["runner"] |= {
        "ffmpeg": {"threads": order.threads, "nice": order.nice},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "scratch": {"size": "2Gi"},
    }
    if order.ca_bundle is not None:
        spec["server"]["caBundleRef"] = {"name": CA_SECRET}
    if order.lifecycle:
        spec["lifecycle"] = dict(order.lifecycle)
    if order.env:
        spec["podTemplate"] = {"env": [{"name": name, "value": value} for name, value in order.env.items()]}
    return manifest


def reference(name: str) -> Json:
    """As much of a pool's manifest as names it."""
    return {"apiVersion": _API_VERSION, "kind": _KIND, "metadata": {"name": name}}


def apply(cluster: ClusterBackend, namespace: str, order: PoolOrder) -> None:
    """Create Secrets and pool as a user does, in this order."""
    authority = [] if order.ca_bundle is None else [ca_manifest(CA_SECRET, order.ca_bundle, namespace)]
    for manifest in (*authority, secret_manifest(order, namespace), pool_manifest(order, namespace)):
        cluster.kubectl("apply", "--filename=-", stdin=json.dumps(manifest))


def await_served(cluster: ClusterBackend, *, seconds: float) -> None:
    """Wait until the API server serves pools, and kubectl knows them, by their short name too.

    Unlike `get`, `explain` believes what kubectl discovered before, when there was no such resource; and `kubectl wait`
    fails on a CRD whose status nobody has written yet.

    Raises:
        ClusterError: it does not come to that.
    """
    wait_until(
        lambda: cluster.kubectl("get", "trp", "--all-namespaces", check=False).returncode == 0,
        "the resource of pools",
        timeout_seconds=seconds,
    )


def remove_all(cluster: ClusterBackend, namespace: str) -> None:
    """Delete the namespace's pools, with their jobs handed back at once, and wait until they are gone."""
    listed = cluster.kubectl("get", POOL_KIND, f"--namespace={namespace}", "--output=name", check=False)
    patch = json.dumps({"spec": {"lifecycle": {"deletionPolicy": "Abort"}}})
    for name in listed.stdout.split():
        cluster.kubectl("patch", name, f"--namespace={namespace}", "--type=merge", f"--patch={patch}", check=False)
    cluster.kubectl("delete", POOL_KIND, "--all", f"--namespace={namespace}", f"--timeout={_REMOVAL_SECONDS}s")


def _sample(name: str) -> Json:
    manifest: Json = yaml.safe_load((SAMPLES / name).read_text())
    return manifest
