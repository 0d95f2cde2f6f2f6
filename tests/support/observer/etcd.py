"""All that the API server stores, read past it: etcd's JSON gateway (gRPC gateway, POST /v3/kv/range)."""

import base64
from collections.abc import Iterator

import httpx

from support.observer.records import Text

_SECRETS = b"/registry/secrets/"
_FIRST = b"\0"
_ALL_AFTER = b"\0"
_PAGE = 500
_TIMEOUT_SECONDS = 20.0


def outside_secrets(port: int) -> list[Text]:
    """Every key and its value but those of Secrets; nothing if etcd does not answer."""
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            pairs = list(_pairs(http))
    except httpx.HTTPError:
        return []
    return [
        Text(place=f"etcd key {key.decode(errors='replace')}", content=key + b"\n" + value)
        for key, value in pairs
        if not key.startswith(_SECRETS)
    ]


def _pairs(http: httpx.Client) -> Iterator[tuple[bytes, bytes]]:
    begin = _FIRST
    while True:
        order = {"key": _encoded(begin), "range_end": _encoded(_ALL_AFTER), "limit": _PAGE}
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
