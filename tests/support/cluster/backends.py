"""What a cluster for tests and for the demo offers, whatever it is made of."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol


class ClusterBackend(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def disposable(self) -> bool:
        """It goes, with all that is in it, when it is taken down."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's configuration. The operator never runs with this one."""

    @property
    def gateway_address(self) -> str:
        """The address of this machine under which its pods, too, reach what listens here."""

    def up(self) -> None: ...

    def down(self) -> None: ...

    def load(self, image: "LoadableImage") -> None:
        """Make an image present on the node."""

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> CompletedProcess[str]: ...

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A configuration that has the rights of a service account and no others."""

    def environment(self) -> dict[str, str]:
        """What a shell needs to use the cluster: KUBECONFIG, and PATH with kubectl and helm."""


class LoadableImage(Protocol):
    @property
    def reference(self) -> str: ...

    @property
    def archive(self) -> Path: ...
