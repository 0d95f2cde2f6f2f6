import json
from collections.abc import Callable

import httpx
import pytest

from support.cluster.errors import ClusterError
from support.cluster.writes import KubeWriter, namespace_manifest

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"password": "x"}}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "namespace": "other"}}
SECRETS = "/api/v1/namespaces/media/secrets"


class Server:
    """Answers with what it is given, one after the other, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked: list[httpx.Request] = []
        self._answers = list(answers)
        http = httpx.Client(transport=httpx.MockTransport(self._answer), base_url="http://api")
        self.writer = KubeWriter(http, "media")

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answers.pop(0)

    @property
    def calls(self) -> list[tuple[str, str]]:
        return [(request.method, request.url.path) for request in self.asked]


def refusal(code: int, message: str) -> httpx.Response:
    return httpx.Response(code, json={"kind": "Status", "message": message})


def test_what_is_not_there_is_created_strictly() -> None:
    server = Server(httpx.Response(201, json=SECRET))
    server.writer.apply(SECRET)
    assert server.calls == [("POST", SECRETS)]
    assert server.asked[0].url.params["fieldValidation"] == "Strict"
    assert json.loads(server.asked[0].content) == SECRET


def test_what_is_there_is_merged_into() -> None:
    server = Server(refusal(409, "it exists"), httpx.Response(200, json=SECRET))
    server.writer.apply(SECRET)
    assert server.calls == [("POST", SECRETS), ("PATCH", f"{SECRETS}/login")]
    assert server.asked[1].headers["Content-Type"] == "application/merge-patch+json"


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (ROLE, "/apis/rbac.authorization.k8s.io/v1/namespaces/other/roles/r"),
        (namespace_manifest("media"), "/api/v1/namespaces/media"),
        (SECRET, f"{SECRETS}/login"),
    ],
)
def test_a_manifest_names_its_object(manifest: dict[str, object], path: str) -> None:
    server = Server(httpx.Response(200, json={}))
    server.writer.delete(manifest)
    assert server.calls == [("DELETE", path)]


@pytest.mark.parametrize(
    "write",
    [
        lambda writer: writer.apply(SECRET),
        lambda writer: writer.patch(SECRET, {}),
        lambda writer: writer.delete(SECRET),
        lambda writer: writer.token("runnerpool", seconds=600),
    ],
)
def test_a_refusal_is_told_in_the_api_servers_words(write: Callable[[KubeWriter], None]) -> None:
    server = Server(refusal(403, "exceeded quota: none"))
    with pytest.raises(ClusterError, match=r"answers 403 to [A-Z]+ /api/v1/.*: exceeded quota: none"):
        write(server.writer)


def test_what_is_missing_may_be_missing_if_it_is_said_so() -> None:
    server = Server(refusal(404, "no such Secret"), refusal(404, "no such Secret"))
    server.writer.delete(SECRET, missing_ok=True)
    with pytest.raises(ClusterError, match="no such Secret"):
        server.writer.delete(SECRET)


def test_a_server_that_asks_for_another_try_gets_it() -> None:
    later = httpx.Response(429, headers={"Retry-After": "0"}, text="the storage is being made")
    server = Server(later, httpx.Response(200, json={}))
    server.writer.delete(SECRET)
    assert len(server.calls) == 2


def test_a_token_is_bound_to_a_secret() -> None:
    server = Server(httpx.Response(201, json={"status": {"token": "t"}}))
    assert server.writer.token("runnerpool", seconds=600, bound_secret="bond") == "t"
    assert server.calls == [("POST", "/api/v1/namespaces/media/serviceaccounts/runnerpool/token")]
    bond = {"apiVersion": "v1", "kind": "Secret", "name": "bond"}
    assert json.loads(server.asked[0].content)["spec"] == {"expirationSeconds": 600, "boundObjectRef": bond}
