"""The `kubeconfig` backend: a cluster that is the user's own, which we leave as it was.

The context is named in RUNNERPOOL_CONTEXT and never guessed: what kubectl points at today may be somebody's production.
From then on a private copy of that one context is used, so that no later `kubectl config use-context` leads astray.
"""

import os
import shlex
from collections.abc import Mapping

from support.cluster.backends import LoadableImage
from support.cluster.commands import run
from support.cluster.errors import ClusterError
from support.cluster.kubeconfig import save_text
from support.cluster.outside import OutsideCluster, program

CONTEXT = "RUNNERPOOL_CONTEXT"
GATEWAY = "RUNNERPOOL_GATEWAY"
LOAD = "RUNNERPOOL_LOAD"
_CRD = "crd/transcodingrunnerpools.runnerpool.dev"


class OwnCluster(OutsideCluster):
    """A cluster that stands before us and after us.

    Args:
        context: of the user's kubeconfig (KUBECONFIG, else ~/.kube/config).
        gateway: see `gateway_address`; None if the user did not say.
        load: command that makes an image present on all nodes, with `{archive}` for a docker archive; None if the user
            did not say.
    """

    disposable = False

    def __init__(self, context: str, *, gateway: str | None = None, load: str | None = None) -> None:
        super().__init__(context)
        self._gateway = gateway
        self._load = load

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "OwnCluster":
        """The cluster that the user has named.

        Raises:
            ClusterError: none is named.
        """
        context = environment.get(CONTEXT)
        if not context:
            raise ClusterError(
                f"RUNNERPOOL_CLUSTER=kubeconfig needs the context's name in {CONTEXT}; the current context is never "
                "taken, since tests install, break and remove things in it"
            )
        return cls(context, gateway=environment.get(GATEWAY), load=environment.get(LOAD))

    def up(self) -> None:
        """Copy the context, and see that the cluster is there and free for us.

        Raises:
            ClusterError: there is no such context, the cluster does not answer, or it has pools of somebody's.
        """
        arguments = ("config", "view", "--raw", "--minify", "--flatten", f"--context={self.name}")
        save_text(self.kubeconfig, run(program("kubectl"), *arguments).stdout)
        self.kubectl("get", "--raw", "/readyz")
        if self.kubectl("get", _CRD, "--ignore-not-found", "--output=name").stdout.strip():
            raise ClusterError(
                f"the cluster of context {self.name} has runnerpool already, which tests would disturb; choose another "
                f"cluster, or remove what an earlier run left: kubectl delete {_CRD}"
            )

    def down(self) -> None:
        """Remove what a run leaves in every cluster, and the copy of the context; the cluster stays."""
        if self.kubeconfig.exists():
            self.kubectl("delete", _CRD, "--ignore-not-found", check=False)
        self._forget()

    def load(self, image: LoadableImage) -> None:
        if self._load is None:
            raise ClusterError(
                f"how do images get to the nodes of context {self.name}? Say it in {LOAD}, for example "
                "'minikube image load {archive}'"
            )
        run(*(word.replace("{archive}", str(image.archive)) for word in shlex.split(self._load)))

    @property
    def gateway_address(self) -> str:
        if self._gateway is None:
            raise ClusterError(
                f"under which address do pods of context {self.name} reach this machine? Say it in {GATEWAY}"
            )
        return self._gateway
