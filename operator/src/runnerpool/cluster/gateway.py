"""The verbs that our domain needs of the cluster, and nothing else."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from runnerpool.api import names
from runnerpool.api.identity import PoolIdentity
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.api.times import format_time
from runnerpool.cluster import observe
from runnerpool.cluster.api import MERGE_PATCH, STRATEGIC_MERGE_PATCH, KubeApi
from runnerpool.cluster.errors import ClusterError, NotFound, Refused
from runnerpool.planning.snapshot import RunnerPod

_PAGE = "500"


def _pool_path(namespace: str, name: str) -> str:
    return f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}/{name}"


def _pods_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


class ClusterGateway:
    """Reads and writes pools, pods and Secrets. Every method raises `ClusterError` kinds only."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def cluster_id(self) -> str:
        """UID of the namespace kube-system: as good as an id of the cluster."""
        body = await self._api.call("GET", "/api/v1/namespaces/kube-system")
        return str(body["metadata"]["uid"])

    async def pools_served(self) -> bool:
        """Whether the CRD is installed. When in doubt, it is: the watches tell what is wrong then."""
        try:
            await self._api.call("GET", f"/apis/{names.API_VERSION}")
        except NotFound:
            return False
        except ClusterError:
            return True
        return True

    async def get_pool(self, namespace: str, name: str) -> dict[str, Any]:
        """The pool as it is now."""
        return await self._api.call("GET", _pool_path(namespace, name))

    async def namespace_ends(self, namespace: str) -> bool:
        """The namespace is being deleted; False as well where we may not read it."""
        try:
            body = await self._api.call("GET", f"/api/v1/namespaces/{namespace}")
        except Refused:
            return False
        return "deletionTimestamp" in body["metadata"]

    async def list_pods(self, pool: Pool) -> tuple[RunnerPod, ...]:
        """A fresh LIST of the pods that the pool controls."""
        selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_POOL}={pool.name}"
        query = {"labelSelector": selector, "limit": _PAGE}
        items: list[Mapping[str, Any]] = []
        while True:
            page = await self._api.call("GET", _pods_path(pool.namespace), query=query)
            items += page.get("items") or ()
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return observe.owned_pods(items, pool.name, pool.uid)
            query["continue"] = following

    async def create_pod(self, manifest: Mapping[str, Any]) -> str:
        """Create a pod; its UID."""
        path = _pods_path(manifest["metadata"]["namespace"])
        body = await self._api.call("POST", path, body=manifest)
        return str(body["metadata"]["uid"])

    async def ungate_pod(self, namespace: str, name: str, uid: str) -> None:
        """Take our gate off a pod. Does nothing to a pod without one; Conflict if it is another pod by now.

        Gates of others, such as a queueing controller's, stay.
        """
        ours = {"name": names.SCHEDULING_GATE, "$patch": "delete"}
        patch = {"metadata": {"uid": uid}, "spec": {"schedulingGates": [ours]}}
        path = f"{_pods_path(namespace)}/{name}"
        await self._api.call("PATCH", path, body=patch, content_type=STRATEGIC_MERGE_PATCH)

    async def order_drain(
        self, namespace: str, name: str, uid: str, *, order: str, since: datetime, reason: Reason
    ) -> None:
        """Annotate the pod with the order, its time, and why."""
        annotations = {
            names.ANNOTATION_DRAIN: order,
            names.since_annotation(order): format_time(since),
            names.ANNOTATION_DRAIN_REASON: str(reason),
        }
        # The uid in the body is a precondition: the API server refuses the patch if it is another pod by now.
        patch = {"metadata": {"uid": uid, "annotations": annotations}}
        await self._api.call("PATCH", f"{_pods_path(namespace)}/{name}", body=patch, content_type=MERGE_PATCH)

    async def mark_pod(self, namespace: str, name: str, uid: str, *, evictable: bool) -> None:
        """Tell node autoscalers whether they may move the pod."""
        marks = names.IDLE_MARKS if evictable else names.BUSY_MARKS
        patch = {"metadata": {"uid": uid, "annotations": dict(marks)}}
        await self._api.call("PATCH", f"{_pods_path(namespace)}/{name}", body=patch, content_type=MERGE_PATCH)

    async def pod_controller(self, namespace: str, name: str) -> str | None:
        """UID of the pool that the pod of that name belongs to; "" if to none, None if there is no such pod."""
        # By a LIST, so that no right is needed but that which the pool's own pods are listed by.
        page = await self._api.call("GET", _pods_path(namespace), query={"fieldSelector": f"metadata.name={name}"})
        items = page.get("items") or ()
        return next((observe.holder_uid(item) for item in items), None)

    async def delete_pod(self, namespace: str, name: str, uid: str, *, version: str = "", force: bool = False) -> None:
        """Delete a pod; one that has gone already is fine.

        Args:
            namespace: Of the pod.
            name: Of the pod.
            uid: Of the pod: one of another UID is left alone (Conflict).
            version: As it was seen: if somebody has changed it since, it is left alone (Conflict); "" = whatever it is.
            force: Do not wait for its node's word that it has ended.
        """
        seen = {"uid": uid} | ({"resourceVersion": version} if version else {})
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": seen}
        if force:
            options["gracePeriodSeconds"] = 0
        try:
            await self._api.call("DELETE", f"{_pods_path(namespace)}/{name}", body=options)
        except NotFound:
            return

    async def create_secret(self, manifest: Mapping[str, Any]) -> None:
        """Create a Secret."""
        path = f"/api/v1/namespaces/{manifest['metadata']['namespace']}/secrets"
        await self._api.call("POST", path, body=manifest)

    async def secret_owner(self, namespace: str, name: str) -> str | None:
        """UID of the first owner of a Secret; None if there is no such Secret, "" if it has no owner."""
        try:
            body = await self._api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except NotFound:
            return None
        owners = body["metadata"].get("ownerReferences") or [{}]
        return str(owners[0].get("uid", ""))

    async def read_secret(self, namespace: str, name: str) -> dict[str, SecretStr]:
        """The values of a Secret, decoded; a value that is not UTF-8 is left out."""
        body = await self._api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        values: dict[str, SecretStr] = {}
        for key, encoded in (body.get("data") or {}).items():
            try:
                values[key] = SecretStr(base64.b64decode(encoded).decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
        return values

    async def write_reserved(
        self, pool: Pool, resource_version: str, reserved: Sequence[int], last_ordinal: int
    ) -> str:
        """Write the reserved ordinals if nobody has changed the pool since; its new resourceVersion.

        Raises:
            Conflict: Somebody has; read again, plan again.
        """
        patch = {
            "metadata": {"resourceVersion": resource_version},
            "status": {"reserved": sorted(reserved), "lastOrdinal": last_ordinal},
        }
        path = f"{_pool_path(pool.namespace, pool.name)}/status"
        body = await self._api.call("PATCH", path, body=patch, content_type=MERGE_PATCH)
        return str(body["metadata"]["resourceVersion"])

    async def patch_status(self, pool: PoolIdentity, status: Mapping[str, Any]) -> None:
        """Write the given fields of the status; the pool of another UID is left alone (Conflict)."""
        patch = {"metadata": {"uid": pool.uid}, "status": status}
        path = f"{_pool_path(pool.namespace, pool.name)}/status"
        await self._api.call("PATCH", path, body=patch, content_type=MERGE_PATCH)

    async def set_finalizers(self, body: Mapping[str, Any], finalizers: Sequence[str]) -> dict[str, Any]:
        """Replace the finalizers of the pool read as `body`; the pool as it is then. Conflict if it has changed."""
        metadata = body["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": list(finalizers)}}
        path = _pool_path(metadata["namespace"], metadata["name"])
        return await self._api.call("PATCH", path, body=patch, content_type=MERGE_PATCH)

    async def post_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Create an Event."""
        await self._api.call("POST", f"/api/v1/namespaces/{namespace}/events", body=event)
