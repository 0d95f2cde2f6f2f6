import json

import pytest
from kubernetes.aio import config

from runnerpool.cluster.login import load_login


@pytest.fixture
def kubeconfig(tmp_path):
    """Writes a kubeconfig with a token."""
    file = tmp_path / "config"

    def write(token):
        document = {
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "current-context": "c",
        }
        file.write_text(json.dumps(document))
        return str(file)

    return write


async def test_a_kubeconfig_that_has_changed_can_be_read_again(kubeconfig):
    login = await load_login(kubeconfig("old"))
    assert login.configuration.api_key == {"BearerToken": "Bearer old"}

    kubeconfig("new")
    await login.read()

    assert login.configuration.api_key == {"BearerToken": "Bearer new"}
    assert login.configuration.host == "http://127.0.0.1:9"


async def test_without_a_kubeconfig_outside_of_a_pod_there_is_no_way(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(config.ConfigException):
        await load_login(None)
