"""An operator that logs in as in a pod: by a token in a mounted directory, which somebody replaces while it runs."""

import secrets
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from support.faults.stage import FaultStage
from support.stage.operator_process import OperatorOrder

# A pod's login, under /run on machines of today (FHS 3.0).
_MOUNTED = "secrets/kubernetes.io/serviceaccount"
# The shortest that the API server grants.
_TOKEN_SECONDS = 600
# It remembers for 10 s that a token was good (kube-apiserver, token cache of authenticators).
_REFUSED_SECONDS = 20.0


class MountedLogin:
    """The operator's ServiceAccount as a kubelet mounts it.

    Each token is bound to a Secret of its own and ends with it, so that the API server itself refuses old ones.
    """

    def __init__(self, stage: FaultStage) -> None:
        self._stage = stage
        self._run = stage.directory / "run"
        self._files = self._run / _MOUNTED
        self._files.mkdir(parents=True)
        (self._files / "ca.crt").write_bytes(stage.api.authority.read_bytes())
        (self._files / "namespace").write_text(stage.namespace)
        self._bond, self._token = self._mount_new()

    def order(self, order: OperatorOrder) -> OperatorOrder:
        """The same operator with this login, through the stage's proxy."""
        proxy = urlsplit(self._stage.api.url)
        address = (f"KUBERNETES_SERVICE_HOST={proxy.hostname}", f"KUBERNETES_SERVICE_PORT={proxy.port}")
        mount = f'mount --bind "$0" {Path("/var/run").resolve()} && exec "$@"'
        namespace = ("unshare", "--mount", "sh", "-c", mount, str(self._run))
        return replace(order, kubeconfig=None, prefix=("env", "--unset=KUBECONFIG", *address, *namespace))

    def rotate(self) -> None:
        """Put a new token in the old one's place, and return when the API server refuses the old one."""
        bond, token = self._bond, self._token
        self._bond, self._token = self._mount_new()
        self._stage.delete_secret(bond)
        self._stage.until(lambda: self._refused(token), "an end of the old token", within=_REFUSED_SECONDS)

    def _mount_new(self) -> tuple[str, str]:
        bond = f"token-{secrets.token_hex(3)}"
        writer = self._stage.writer
        writer.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": bond}})
        token = writer.token(self._stage.rights.ACCOUNT, seconds=_TOKEN_SECONDS, bound_secret=bond)
        self._stage.secret_found_nowhere(token)
        fresh = self._files / "token.new"
        fresh.touch(mode=0o600)
        fresh.write_text(token)
        fresh.replace(self._files / "token")  # as a kubelet does: never half a token
        return bond, token

    def _refused(self, token: str) -> bool:
        plane = self._stage.cluster.control_plane
        trust = ssl.create_default_context(cafile=str(plane.pki.ca_certificate))
        headers = {"Authorization": f"Bearer {token}"}
        # The stage's own client would be known by its certificate.
        answer = httpx.get(f"{plane.url}/api", headers=headers, verify=trust, trust_env=False)
        return answer.status_code == httpx.codes.UNAUTHORIZED
