"""The Prometheus operator's resource definitions, out of its own Go module, pinned by its checksum."""

import json
import shutil
import subprocess
from pathlib import Path

from support.cluster.errors import ClusterError

_PINNED = Path(__file__).parent / "definitions"
_MODULE = "github.com/prometheus-operator/prometheus-operator"


def definition(plural: str) -> Path:
    """The file of the CustomResourceDefinition of a kind, such as `servicemonitors`.

    Raises:
        ClusterError: there is no Go, or the module cannot be had.
    """
    go = shutil.which("go")
    if go is None:
        raise ClusterError("there is no `go` to fetch the Prometheus operator's definitions with; install Go")
    command = [go, "mod", "download", "-json", _MODULE]
    done = subprocess.run(command, cwd=_PINNED, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"{_MODULE} cannot be had: {done.stderr.strip() or done.stdout.strip()}")
    module = Path(json.loads(done.stdout)["Dir"])
    return module / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{plural}.yaml"
