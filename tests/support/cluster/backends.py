"""What a cluster for tests and for the demo offers, whatever it is made of."""

import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Protocol

from support.cluster.errors import ClusterError


class ClusterBackend(Protocol):
    @property
    def name(self) -> str: ...

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


def chosen_backend() -> str:
    """The backend that RUNNERPOOL_CLUSTER names; the default is the one that there is.

    Raises:
        ClusterError: the named one does not exist.
    """
    name = os.environ.get("RUNNERPOOL_CLUSTER", "auto")
    if name not in _available():
        names = ", ".join(_available())
        raise ClusterError(f"RUNNERPOOL_CLUSTER={name}: no such cluster backend here; choose one of: {names}")
    return "local"


def _available() -> Sequence[str]:
    return ("auto", "local")
