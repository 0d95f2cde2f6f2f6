"""What clusters have in common that we did not build ourselves: all goes through kubectl and a kubeconfig."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from support.cluster import kubeconfig
from support.cluster.errors import ClusterError
from support.cluster.paths import binary_directory

_TOKEN_LIFETIME = "24h"


class OutsideCluster:
    """A cluster that is known by its kubeconfig, which is kept in a directory of this object's own.

    Attributes:
        name: for people.
        disposable: it goes, with all that is in it, when it is taken down.
    """

    disposable = True

    def __init__(self, name: str) -> None:
        self.name = name
        self._directory = Path(tempfile.mkdtemp(prefix="runnerpool-cluster-"))

    @property
    def kubeconfig(self) -> Path:
        return self._directory / "admin.kubeconfig"

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = [program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed (exit {done.returncode}): {done.stderr.strip()}")
        return done

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        made = self.kubectl("create", "token", name, f"--namespace={namespace}", f"--duration={_TOKEN_LIFETIME}")
        target = self._directory / f"{namespace}-{name}.kubeconfig"
        return kubeconfig.with_token(self.kubeconfig, target, token=made.stdout.strip(), namespace=namespace)

    def environment(self) -> dict[str, str]:
        path = f"{binary_directory()}:{os.environ.get('PATH', '')}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def _forget(self) -> None:
        """Remove what this object knows of the cluster."""
        shutil.rmtree(self._directory, ignore_errors=True)


def program(name: str) -> str:
    """The user's own program, else the test bed's.

    Raises:
        ClusterError: there is neither.
    """
    found = shutil.which(name) or shutil.which(name, path=str(binary_directory()))
    if found is None:
        raise ClusterError(f"there is no {name} in PATH; install it, or `python -m support.cluster build`")
    return found
