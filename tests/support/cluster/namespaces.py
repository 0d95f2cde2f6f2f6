import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster.backends import ClusterBackend
from support.cluster.processes import wait_until
from support.cluster.writes import namespace_manifest

_READY_SECONDS = 15.0


@contextmanager
def temporary_namespace(cluster: ClusterBackend, *, restricted: bool = False) -> Iterator[str]:
    """A namespace with a name of its own, in which pods can be made at once."""
    name = f"test-{secrets.token_hex(4)}"
    manifest = json.dumps(namespace_manifest(name, restricted=restricted))
    cluster.kubectl("create", "--filename=-", stdin=manifest)
    wait_until(
        lambda: cluster.kubectl("get", "serviceaccount/default", f"--namespace={name}", check=False).returncode == 0,
        f"the default service account of namespace {name}",
        timeout_seconds=_READY_SECONDS,
    )
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")
