import json
import logging
import socket

import pytest

from runnerpool.process import EXIT_USAGE, run_until_stopped
from runnerpool.settings import Settings


@pytest.fixture
def kubeconfig(tmp_path):
    """A way to an API server that nobody listens at."""
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    file = tmp_path / "config"
    file.write_text(
        json.dumps(
            {
                "clusters": [cluster],
                "contexts": [context],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "current-context": "c",
            }
        )
    )
    return file


@pytest.mark.parametrize("taken", ["metrics", "health"])
@pytest.mark.parametrize(
    "family",
    [
        pytest.param(socket.AF_INET, id="IPv4"),
        pytest.param(
            socket.AF_INET6,
            id="IPv6",
            marks=pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="the kernel has no IPv6"),
        ),
    ],
)
async def test_a_port_that_is_taken_ends_the_operator_with_one_line_that_tells_the_option(
    family, taken, kubeconfig, caplog
):
    with socket.create_server(("", 0), family=family) as holder, caplog.at_level(logging.CRITICAL):
        port = holder.getsockname()[1]
        ports = {"metrics_port": 0, "health_port": 0} | {f"{taken}_port": port}
        settings = Settings(runner_image="r:1", kubeconfig=str(kubeconfig), cluster_id="c", **ports)

        assert await run_until_stopped(settings) == EXIT_USAGE

    (line,) = caplog.records
    told = f"port {port} for {taken} cannot be opened: Address already in use; free it, or give another --{taken}-port"
    assert line.getMessage() == told
    assert line.exc_info is None


async def test_no_kubeconfig_and_no_service_account_end_the_operator_with_the_remedy(tmp_path, caplog):
    settings = Settings(runner_image="r:1", kubeconfig=str(tmp_path / "none"))

    assert await run_until_stopped(settings) == EXIT_USAGE
    assert "give --kubeconfig, or run in a pod with a ServiceAccount" in caplog.text


async def test_an_election_outside_of_a_pod_ends_the_operator_with_the_option_that_is_missing(kubeconfig, caplog):
    ports = {"metrics_port": 0, "health_port": 0}
    settings = Settings(runner_image="r:1", kubeconfig=str(kubeconfig), leader_election=True, **ports)

    assert await run_until_stopped(settings) == EXIT_USAGE
    assert "give --lease-namespace" in caplog.text
