"""The chart's rights for one operator in one namespace, which a test can take away and give back."""

import json
from pathlib import Path
from typing import ClassVar

from support.cluster.backends import ClusterBackend
from support.packaging import helm

_KINDS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


class NamespacedRights:
    """A ServiceAccount (ACCOUNT), a Role and a RoleBinding of the chart's, rendered for one namespace.

    Attributes:
        namespace: where the operator works; its ServiceAccount lives there too.
    """

    ACCOUNT: ClassVar = helm.RELEASE

    def __init__(self, cluster: ClusterBackend, namespace: str) -> None:
        self.namespace = namespace
        self._cluster = cluster
        rendered = helm.manifests({"watchNamespaces": [namespace], "crds": {"install": False}}, namespace=namespace)
        self._manifests = [manifest for manifest in rendered if manifest["kind"] in _KINDS]

    def give(self) -> None:
        """Create what is missing."""
        document = {"apiVersion": "v1", "kind": "List", "items": self._manifests}
        self._cluster.kubectl("apply", f"--namespace={self.namespace}", "--filename=-", stdin=json.dumps(document))

    def take_away(self) -> None:
        """Remove the RoleBinding: from the next request on, the operator may do nothing in its namespace."""
        self._cluster.kubectl("delete", "rolebinding", self.ACCOUNT, f"--namespace={self.namespace}")

    def kubeconfig(self) -> Path:
        return self._cluster.service_account_kubeconfig(self.namespace, self.ACCOUNT)

    def remove(self) -> None:
        """Remove what does not go with the namespace."""
        name = f"{self.namespace}:{self.ACCOUNT}"
        self._cluster.kubectl("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found", "--wait=false")
