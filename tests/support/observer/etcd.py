"""All that the API server stores, read past it: etcd's JSON gateway (gRPC gateway, POST /v3/kv/range)."""

import base64
import ssl
from collections.abc import Iterator

import httpx

from support.observer.records import Text

_SECRETS = b"/registry/secrets/"
_FIRST = b"\0"
_ALL_AFTER = b"\0"
_PAGE = 500
_LEAST_KEY = {"key": "AA==", "limit": 1}  # only the answer's header is wanted
_TIMEOUT_SECONDS = 20.0


def client(port: int) -> httpx.Client:
    """To the etcd of a local control plane; the caller closes it."""
    # It speaks plain HTTP: what is usual, to read the system's certificates, would take 20 ms each time.
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT_SECONDS, trust_env=False, verify=trust)


def revision(http: httpx.Client) -> int:
    """The number of the last write."""
    return int(http.post("/v3/kv/range", json=_LEAST_KEY).raise_for_status().json()["header"]["revision"])


def newest_revision(port: int) -> int:
    """The number of the last write; 0 if etcd does not answer."""
    try:
        with client(port) as http:
            return revision(http)
    except httpx.HTTPError:
        return 0


def outside_secrets(port: int, *, since: int = 0) -> list[Text]:
    """Every key and its value but those of Secrets; nothing if etcd does not answer.

    Args:
        port: where it listens.
        since: keys that nobody has written after this revision are left out.
    """
    try:
        with client(port) as http:
            pairs = list(_pairs(http, since))
    except httpx.HTTPError:
        return []
    return [
        Text(place=f"etcd key {key.decode(errors='replace')}", content=key + b"\n" + value)
        for key, value in pairs
        if not key.startswith(_SECRETS)
    ]


def _pairs(http: httpx.Client, since: int) -> Iterator[tuple[bytes, bytes]]:
    begin = _FIRST
    while True:
        order = {
            "key": _encoded(begin), "range_end": _encoded(_ALL_AFTER), "limit": _PAGE, "min_mod_revision": since + 1,
        }  # fmt: skip
        answer = http.post("/v3/kv/range", json=order)
        answer.raise_for_status()
        document = answer.json()
        for pair in document.get("kvs", ()):
            key = base64.b64decode(pair["key"])
            yield key, base64.b64decode(pair.get("value", ""))
            begin = key + b"\0"
        if not document.get("more"):
            return


def _encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()
