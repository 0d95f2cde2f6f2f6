"""Which backend the tests that need a node run on.

What plays kubelets itself (the fixture `control_plane`, the fault tests) always takes the `local` one: the nodes of
another would not let it.
"""

import os
from collections.abc import Mapping

from support.cluster import kind
from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.kind import KindCluster
from support.cluster.local import LocalCluster
from support.cluster.own import OwnCluster

VARIABLE = "RUNNERPOOL_CLUSTER"
_NAMES = ("auto", "kind", "kubeconfig", "local")


def chosen_backend(environment: Mapping[str, str] = os.environ) -> str:
    """The backend that RUNNERPOOL_CLUSTER names: `kind`, `kubeconfig` or `local`.

    `auto`, the default, is `kind` where it is installed and a container engine answers, else `local`.

    Raises:
        ClusterError: there is no backend of that name.
    """
    name = environment.get(VARIABLE, "auto")
    if name not in _NAMES:
        raise ClusterError(f"{VARIABLE}={name}: no such cluster backend; choose one of: {', '.join(_NAMES)}")
    if name == "auto":
        return "kind" if kind.usable() else "local"
    return name


def cluster_with_node(environment: Mapping[str, str] = os.environ, *, name: str | None = None) -> ClusterBackend:
    """A cluster on whose node pods run, not yet up.

    Args:
        environment: Names the backend.
        name: Of one that another process of this run has brought up, and will take down; None means a new one.

    Raises:
        ClusterError: no such backend, or a `kubeconfig` without the name of a context.
    """
    match chosen_backend(environment):
        case "kind":
            return KindCluster(name)
        case "kubeconfig":
            return OwnCluster.from_environment(environment)
        case _:
            return LocalCluster(with_node=True, name=name)
