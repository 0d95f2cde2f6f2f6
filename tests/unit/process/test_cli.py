import os
import re

import pytest
from typer.testing import CliRunner

import runnerpool
from runnerpool import cli


@pytest.fixture
def started(monkeypatch):
    """What the process would have been started with; nothing runs."""
    seen = []

    async def run_until_stopped(settings):
        seen.append(settings)
        return 0

    monkeypatch.setattr(cli, "run_until_stopped", run_until_stopped)
    monkeypatch.setattr(cli.logs, "configure", lambda **_: None)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return seen


def invoke(*arguments: str):
    return CliRunner().invoke(cli.app, arguments)


def test_the_version_is_printed():
    assert invoke("version").output.strip() == runnerpool.__version__


def test_options_become_settings(started):
    done = invoke("run", "--runner-image=r:1", "--namespace=a", "--namespace=b", "--poll-period-seconds=2")

    assert done.exit_code == 0
    (settings,) = started
    assert settings.namespaces == ("a", "b")
    assert settings.runner_image == "r:1"
    assert settings.poll_period_seconds == 2
    assert settings.kubeconfig is None


def test_a_bare_command_line_elects_nobody(started):
    invoke("run", "--runner-image=r:1")

    (settings,) = started
    assert not settings.leader_election


def test_the_options_of_the_election_become_settings(started):
    told = ("--lease-name=l", "--lease-namespace=system", "--lease-identity=me")
    invoke("run", "--runner-image=r:1", "--leader-election", *told)

    (settings,) = started
    assert settings.leader_election
    assert (settings.lease_name, settings.lease_namespace, settings.lease_identity) == ("l", "system", "me")


def test_a_kubeconfig_is_handed_on_to_kopf_which_looks_in_the_environment_only(started, monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", "elsewhere")

    invoke("run", "--runner-image=r:1", f"--kubeconfig={tmp_path}/config")

    assert os.environ["KUBECONFIG"] == f"{tmp_path}/config"


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "--runner-image=r:1", "--poll-period-seconds=0"), ("run", "--no-such-option")]
)
def test_a_wrong_command_line_ends_with_2_before_anything_starts(started, arguments):
    assert invoke(*arguments).exit_code == 2
    assert started == []


@pytest.mark.parametrize("odd", ["prod eu", "-", "prod-", "x" * 129, "prod]", "prod\n"])
def test_a_cluster_id_that_no_mark_can_bear_is_refused_with_the_remedy(started, odd):
    done = invoke("run", "--runner-image=r:1", f"--cluster-id={odd}")

    assert done.exit_code == 2
    told = " ".join(re.sub(r"\x1b\[[\d;]*m|│", "", done.output).split())
    assert "Invalid value for '--cluster-id'" in told
    assert "leave the option out" in told
    assert started == []


@pytest.mark.parametrize("good", ["prod-eu", "5f0c7b2e-1111-4222-8333-444455556666", ""])
def test_a_cluster_id_that_marks_can_bear_is_handed_on(started, good):
    assert invoke("run", "--runner-image=r:1", f"--cluster-id={good}").exit_code == 0
    assert started[0].cluster_id == good
