"""Orders to the API server over plain HTTP, as its administrator: without a process and the discovery of a kubectl."""

import time
from collections.abc import Mapping
from typing import Any

import httpx

from support.cluster.errors import ClusterError

Json = dict[str, Any]
Manifest = Mapping[str, Any]

_MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
# As kubectl does: an unknown field is refused, not dropped.
_STRICT = {"fieldValidation": "Strict"}
_MOST_TRIES = 10
_WITHOUT_NAMESPACE = frozenset({
    "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "Node",
    "ValidatingWebhookConfiguration",
})  # fmt: skip


class KubeWriter:
    """Writes of the API server. An object is named by its manifest, of which `apiVersion`, `kind` and names count.

    Args:
        http: a way to it with an administrator's rights.
        namespace: of manifests that name none.
    """

    def __init__(self, http: httpx.Client, namespace: str = "default") -> None:
        self._http = http
        self._namespace = namespace

    def apply(self, manifest: Manifest) -> None:
        """Create an object, or merge the manifest into what is there.

        Raises:
            ClusterError: the API server refuses; with its message.
        """
        answer = self._ask("POST", self._collection(manifest), json=manifest, params=_STRICT)
        if answer.status_code == httpx.codes.CONFLICT:
            self.patch(manifest, manifest)
        else:
            _accepted(answer)

    def patch(self, manifest: Manifest, change: Manifest) -> None:
        """Merge-patch an object. Raises ClusterError with the API server's message if it refuses."""
        path = self._path(manifest)
        _accepted(self._ask("PATCH", path, json=change, params=_STRICT, headers=_MERGE_PATCH))

    def delete(self, manifest: Manifest, *, missing_ok: bool = False) -> None:
        """Order an object's end, and wait for nothing. Raises ClusterError as the others do."""
        answer = self._ask("DELETE", self._path(manifest))
        if not (missing_ok and answer.status_code == httpx.codes.NOT_FOUND):
            _accepted(answer)

    def token(self, account: str, *, seconds: int, bound_secret: str | None = None) -> str:
        """A token of a ServiceAccount in the writer's namespace; it ends with the Secret to which it is bound."""
        bond = {"apiVersion": "v1", "kind": "Secret", "name": bound_secret} if bound_secret else None
        order = {"spec": {"expirationSeconds": seconds, "boundObjectRef": bond}}
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        return str(_accepted(self._ask("POST", path, json=order))["status"]["token"])

    def _path(self, manifest: Manifest) -> str:
        return f"{self._collection(manifest)}/{manifest['metadata']['name']}"

    def _collection(self, manifest: Manifest) -> str:
        version, kind = manifest["apiVersion"], manifest["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if kind not in _WITHOUT_NAMESPACE:
            root += f"/namespaces/{manifest['metadata'].get('namespace', self._namespace)}"
        return f"{root}/{kind.lower()}s"

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The answer; a server that asks for another try, as after its start, gets it."""
        for _ in range(_MOST_TRIES):
            answer = self._http.request(method, path, **request)
            if "Retry-After" not in answer.headers:
                break
            time.sleep(float(answer.headers["Retry-After"]))
        return answer


def namespace_manifest(name: str, *, restricted: bool = False) -> Json:
    """A namespace; `restricted`: it refuses pods that break the restricted Pod Security standard."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"} if restricted else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _accepted(answer: httpx.Response) -> Json:
    """What the API server has made of an order."""
    document: Json = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
    if answer.is_error:
        told = document.get("message") or answer.text[:300]
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ClusterError(f"the API server answers {answer.status_code} to {asked}: {told}")
    return document
