"""The API server's own record of who wrote what: the one place that tells who deleted a pod, and what was refused."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from support.observer.records import ApiCall


class AuditLog:
    """The log from the moment of its making on; several readers share one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0

    def calls(self, namespace: str) -> list[ApiCall]:
        """All writes in a namespace so far."""
        return list(self._calls(namespace))

    def _calls(self, namespace: str) -> Iterator[ApiCall]:
        if not self._path.exists():
            return
        mark = f'"namespace":"{namespace}"'.encode()
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if mark in line and line.endswith(b"\n"):
                    yield _call(json.loads(line))


def _call(entry: dict[str, object]) -> ApiCall:
    document: dict[str, dict[str, str]] = {name: value for name, value in entry.items() if isinstance(value, dict)}
    target = document.get("objectRef", {})
    subresource = f"/{target['subresource']}" if target.get("subresource") else ""
    return ApiCall(
        at=datetime.fromisoformat(str(entry["requestReceivedTimestamp"])).timestamp(),
        user=document["user"]["username"],
        verb=str(entry["verb"]),
        resource=f"{target.get('resource', '')}{subresource}",
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=int(document.get("responseStatus", {}).get("code", 0)),
    )
