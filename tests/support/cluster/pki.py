"""Certificates of one control plane: a CA of its own, and what each component shows of itself."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

SERVICE_ADDRESS = "10.96.0.1"
GATEWAY_ADDRESS = "10.88.0.1"
NODE_NAME = "local-node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    certificate: Path
    key: Path


# Common name, organisation (= RBAC group), and the names that a server is called by.
_LEAVES: Mapping[str, tuple[str, str | None, tuple[str, ...]]] = {
    "apiserver": (
        "kube-apiserver",
        None,
        (
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "127.0.0.1",
            SERVICE_ADDRESS,
            GATEWAY_ADDRESS,
        ),
    ),
    "admin": ("admin", "system:masters", ()),
    "controller-manager": ("system:kube-controller-manager", None, ()),
    "scheduler": ("system:kube-scheduler", None, ()),
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", "system:masters", ()),
    "node": (f"system:node:{NODE_NAME}", "system:nodes", (NODE_NAME, "127.0.0.1", GATEWAY_ADDRESS)),
    "service-accounts": ("service-accounts", None, ()),
}


class Pki:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ca_certificate = directory / "ca.crt"
        self.ca_key = directory / "ca.key"

    def create(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="runnerpool test bed")
        authority.cert_pem.write_to_path(str(self.ca_certificate))
        authority.private_key_pem.write_to_path(str(self.ca_key))
        for name, (common_name, organization, server_names) in _LEAVES.items():
            # An empty list of names would be a critical extension, which Go's verifier refuses.
            identities = server_names or (name,)
            leaf = authority.issue_cert(*identities, common_name=common_name, organization_name=organization)
            files = self.leaf(name)
            leaf.cert_chain_pems[0].write_to_path(str(files.certificate))
            leaf.private_key_pem.write_to_path(str(files.key))

    def leaf(self, name: str) -> Certificate:
        return Certificate(certificate=self.directory / f"{name}.crt", key=self.directory / f"{name}.key")

    def client_context(self, name: str = "admin") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_certificate))
        files = self.leaf(name)
        context.load_cert_chain(files.certificate, files.key)
        return context
