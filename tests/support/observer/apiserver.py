"""The observer's own way to the API server, as its administrator: a kubeconfig with everything embedded."""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import httpx
import yaml

# Streams stay silent for as long as nothing happens; the API server ends them after this many seconds.
STREAM_SECONDS = 240
_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = STREAM_SECONDS + 30.0


def client(kubeconfig: Path) -> httpx.AsyncClient:
    """A client with the rights of the kubeconfig's current context."""
    document = yaml.safe_load(kubeconfig.read_text())
    context = _named(document["contexts"], document["current-context"])["context"]
    cluster = _named(document["clusters"], context["cluster"])["cluster"]
    user = _named(document["users"], context["user"])["user"]
    headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return httpx.AsyncClient(
        base_url=cluster["server"],
        verify=_tls(cluster, user),
        headers=headers,
        timeout=httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS),
        trust_env=False,
    )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    if "client-certificate-data" in user:
        # The library reads certificates of its own from files alone.
        with tempfile.TemporaryDirectory(prefix="runnerpool-observer-") as directory:
            files = [Path(directory) / "certificate", Path(directory) / "key"]
            for file, key in zip(files, ("client-certificate-data", "client-key-data"), strict=True):
                file.touch(mode=0o600)
                file.write_bytes(base64.b64decode(user[key]))
            context.load_cert_chain(files[0], files[1])
    return context
