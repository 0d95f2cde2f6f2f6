"""Kubeconfig files with everything embedded: kopf does not resolve relative paths, and the state directory may go."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from support.cluster.pki import Certificate


def write_for_certificate(target: Path, *, server: str, authority: Path, files: Certificate) -> Path:
    user = {"client-certificate-data": _encoded(files.certificate), "client-key-data": _encoded(files.key)}
    return _write(target, server=server, authority=authority, user=user, namespace="default")


def write_for_token(target: Path, *, server: str, authority: Path, token: str, namespace: str) -> Path:
    return _write(target, server=server, authority=authority, user={"token": token}, namespace=namespace)


def through(server: str, authority: Path, original: Path, target: Path) -> Path:
    """A copy of a configuration that leads to another address, such as a proxy's, with the same credentials."""
    document = yaml.safe_load(original.read_text())
    document["clusters"][0]["cluster"] = {"server": server, "certificate-authority-data": _encoded(authority)}
    return _save(target, document)


def with_token(original: Path, target: Path, *, token: str, namespace: str) -> Path:
    """A copy of a configuration of one context with a token in place of its user's credentials."""
    document = yaml.safe_load(original.read_text())
    document["users"][0]["user"] = {"token": token}
    document["contexts"][0]["context"]["namespace"] = namespace
    return _save(target, document)


def save_text(target: Path, text: str) -> Path:
    """Write a configuration that only its owner can read."""
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return target


def _write(target: Path, *, server: str, authority: Path, user: dict[str, str], namespace: str) -> Path:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "local", "cluster": {"server": server, "certificate-authority-data": _encoded(authority)}}
        ],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "user", "namespace": namespace}}],
        "current-context": "local",
    }
    return _save(target, document)


def _save(target: Path, document: dict[str, Any]) -> Path:
    return save_text(target, yaml.safe_dump(document, sort_keys=False))


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
