"""The chart's rights for one operator, which a test can take away and give back."""

import json
from pathlib import Path
from typing import ClassVar

from support.cluster.backends import ClusterBackend
from support.packaging import helm

_KINDS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


class NamespacedRights:
    """A ServiceAccount (ACCOUNT), a Role and a RoleBinding of the chart's, rendered for one namespace.

    Attributes:
        namespace: where the operator works.
        home: where its ServiceAccount lives; the same, unless it is to outlive the namespace.
    """

    ACCOUNT: ClassVar = helm.RELEASE

    def __init__(
        self, cluster: ClusterBackend, namespace: str, *, everywhere: bool = False, apart: bool = False
    ) -> None:
        self.namespace = namespace
        self.home = f"{namespace}-operator" if everywhere or apart else namespace
        self._cluster = cluster
        watched = {} if everywhere else {"watchNamespaces": [namespace], "finishDeletedNamespaces": apart}
        rendered = helm.manifests({**watched, "crds": {"install": False}}, namespace=self.home)
        self._manifests = [manifest for manifest in rendered if manifest["kind"] in _KINDS]
        if self.home != namespace:
            self._manifests.insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.home}})

    @property
    def user(self) -> str:
        """The operator, as the API server knows it."""
        return f"system:serviceaccount:{self.home}:{self.ACCOUNT}"

    def give(self) -> None:
        """Create what is missing."""
        document = {"apiVersion": "v1", "kind": "List", "items": self._manifests}
        self._cluster.kubectl("apply", "--filename=-", stdin=json.dumps(document))

    def take_away(self) -> None:
        """Remove the RoleBinding: from the next request on, the operator may do nothing in its namespace."""
        self._cluster.kubectl("delete", "rolebinding", self.ACCOUNT, f"--namespace={self.namespace}")

    def kubeconfig(self) -> Path:
        return self._cluster.service_account_kubeconfig(self.home, self.ACCOUNT)

    def remove(self) -> None:
        """Remove what does not go with the namespace."""
        if self.home != self.namespace:
            self._cluster.kubectl("delete", "namespace", self.home, "--ignore-not-found", "--wait=false")
        name = f"{self.home}:{self.ACCOUNT}"
        self._cluster.kubectl("delete", "clusterrole,clusterrolebinding", name, "--ignore-not-found", "--wait=false")
