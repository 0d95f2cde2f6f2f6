"""The chart's rights for one operator, which a test can take away and give back."""

import functools
import json
from pathlib import Path
from typing import ClassVar

from support.cluster.local import LocalCluster
from support.cluster.writes import KubeWriter, Manifest, namespace_manifest
from support.packaging import helm

_KINDS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_ANY_NAMESPACE = "namespace-of-a-test"


class NamespacedRights:
    """A ServiceAccount (ACCOUNT), a Role and a RoleBinding of the chart's, rendered for one namespace.

    Attributes:
        namespace: where the operator works.
        home: where its ServiceAccount lives; the same, unless it is to outlive the namespace.
    """

    ACCOUNT: ClassVar = helm.RELEASE

    def __init__(
        self,
        cluster: LocalCluster,
        namespace: str,
        writer: KubeWriter,
        *,
        everywhere: bool = False,
        apart: bool = False,
    ) -> None:
        self.namespace = namespace
        self.home = _home(namespace, everywhere=everywhere, apart=apart)
        self._cluster = cluster
        self._writer = writer
        rendered = _rendered(everywhere=everywhere, apart=apart)
        self._manifests: list[Manifest] = json.loads(rendered.replace(_ANY_NAMESPACE, namespace))
        if self.home != namespace:
            self._manifests.insert(0, namespace_manifest(self.home))

    @property
    def user(self) -> str:
        """The operator, as the API server knows it."""
        return f"system:serviceaccount:{self.home}:{self.ACCOUNT}"

    def give(self) -> None:
        """Create what is missing."""
        for manifest in self._manifests:
            self._writer.apply(manifest)

    def take_away(self) -> None:
        """Remove the RoleBinding: from the next request on, the operator may do nothing in its namespace."""
        bindings = [manifest for manifest in self._manifests if manifest["kind"] == "RoleBinding"]
        (binding,) = [one for one in bindings if one["metadata"]["name"] == self.ACCOUNT]
        self._writer.delete(binding)

    def kubeconfig(self) -> Path:
        return self._cluster.service_account_kubeconfig(self.home, self.ACCOUNT)

    def remove(self) -> None:
        """Remove what does not go with the namespace."""
        for manifest in self._manifests:
            if "namespace" not in manifest["metadata"]:
                self._writer.delete(manifest, missing_ok=True)


def _home(namespace: str, *, everywhere: bool, apart: bool) -> str:
    return f"{namespace}-operator" if everywhere or apart else namespace


@functools.cache
def _rendered(*, everywhere: bool, apart: bool) -> str:
    """The chart's manifests as JSON, for _ANY_NAMESPACE: helm would take 75 ms for each."""
    watched = {} if everywhere else {"watchNamespaces": [_ANY_NAMESPACE], "finishDeletedNamespaces": apart}
    home = _home(_ANY_NAMESPACE, everywhere=everywhere, apart=apart)
    rendered = helm.manifests({**watched, "crds": {"install": False}}, namespace=home)
    return json.dumps([manifest for manifest in rendered if manifest["kind"] in _KINDS])
