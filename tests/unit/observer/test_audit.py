import json
from pathlib import Path

from support.observer.audit import AuditLog
from support.observer.records import ApiCall


def line(namespace: str = "media", **target: str) -> str:
    entry = {
        "verb": "patch",
        "user": {"username": "system:serviceaccount:a:b"},
        "objectRef": {"resource": "pods", "namespace": namespace, "name": "vod-1"} | target,
        "responseStatus": {"metadata": {}, "code": 409},
        "requestReceivedTimestamp": "1970-01-01T00:00:10.500000Z",
    }
    return json.dumps(entry, separators=(",", ":")) + "\n"


def test_writes_of_one_namespace_are_read_from_the_moment_of_the_making_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_text(line())
    log = AuditLog(path)
    with path.open("a") as file:
        file.write(line(subresource="status") + line(namespace="other") + line()[:40])
    expected = ApiCall(
        at=10.5,
        user="system:serviceaccount:a:b",
        verb="patch",
        resource="pods/status",
        namespace="media",
        name="vod-1",
        code=409,
    )
    assert log.calls("media") == [expected]
    assert expected.failed


def test_a_log_that_is_not_there_yet_has_no_calls(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "audit.log").calls("media") == []
