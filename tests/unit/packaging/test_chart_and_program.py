"""The chart's command line is one that the operator takes."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from runnerpool import cli
from runnerpool.settings import Settings
from runnerpool.uninstall import Verdict
from support.packaging import helm

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm


ELECTION: dict[str, Any] = {
    "leader_election": True,
    "lease_name": helm.RELEASE,
    "lease_namespace": helm.NAMESPACE,
    # The kubelet puts the pod's name in.
    "lease_identity": "$(POD_NAME)",
}


def settings_of(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, dict[str, Any]]:
    """What the operator makes of the chart's arguments: its settings, and how it is to log."""
    [deployment] = [document for document in helm.manifests(values) if document["kind"] == "Deployment"]
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    taken: list[Settings] = []
    logging: dict[str, Any] = {}

    async def take(settings: Settings) -> int:
        taken.append(settings)
        return 0

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(cli, "run_until_stopped", take)
    monkeypatch.setattr("runnerpool.logs.configure", lambda **given: logging.update(given))
    done = CliRunner().invoke(cli.app, container["args"])
    assert done.exit_code == 0, done.output
    [settings] = taken
    return settings, json.loads(json.dumps(logging))


def test_by_default_the_operator_serves_all_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, logging = settings_of({}, monkeypatch)
    assert settings == Settings(runner_image="localhost/runnerpool-runner:0.1.0", **ELECTION)
    assert logging == {"level": "info", "as_json": True}


def test_every_setting_of_the_chart_reaches_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "runnerImage": {"repository": "registry.example.org/runner", "tag": "2"},
        "watchNamespaces": ["media", "staging"],
        "clusterId": "berlin-1",
        "pollPeriodSeconds": 2,
        "logLevel": "warning",
    }
    settings, logging = settings_of(values, monkeypatch)
    assert settings == Settings(
        runner_image="registry.example.org/runner:2",
        namespaces=("media", "staging"),
        cluster_id="berlin-1",
        poll_period_seconds=2.0,
        **ELECTION,
    )
    assert logging["level"] == "warning"


@pytest.mark.parametrize("namespaces", [[], ["media", "staging"]])
def test_the_check_before_an_uninstall_looks_where_the_operator_serves(
    namespaces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    [job] = [document for document in helm.hooks({"watchNamespaces": namespaces}) if document["kind"] == "Job"]
    [container] = job["spec"]["template"]["spec"]["containers"]
    asked: list[tuple[str | None, Sequence[str]]] = []

    async def look(kubeconfig: str | None, where: Sequence[str]) -> Verdict:
        asked.append((kubeconfig, where))
        return Verdict(allowed=True, message="")

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(cli, "look_for_pools", look)
    assert CliRunner().invoke(cli.app, container["args"]).exit_code == 0
    assert asked == [(None, tuple(namespaces))]
