import itertools
from dataclasses import replace

import kopf
import pytest

from runnerpool import handlers
from runnerpool.api import names
from runnerpool.handlers import build_registry, kopf_settings


def test_kopfs_finalizer_is_not_ours_since_kopf_takes_its_own_off_where_it_needs_none():
    assert kopf_settings().persistence.finalizer != names.FINALIZER


def test_kopf_tries_for_ever_with_a_bounded_delay():
    delays = list(itertools.islice(iter(kopf_settings().networking.error_backoffs), 500))

    assert len(delays) == 500
    assert max(delays) == 30


def test_kopf_writes_nothing_by_itself():
    settings = kopf_settings()

    assert not settings.posting.enabled
    assert settings.peering.standalone


def test_no_handler_makes_kopf_add_a_finalizer_or_annotations():
    registry = build_registry(lambda namespace, name: None, None)

    assert isinstance(registry, kopf.OperatorRegistry)
    assert not registry._changing._handlers
    assert not registry._spawning._handlers


@pytest.mark.parametrize(
    ("host", "server"),
    [("10.96.0.1", "https://10.96.0.1:6443"), ("fd00::1", "https://[fd00::1]:6443"), ("", "https://by.name")],
)
def test_in_a_cluster_the_api_server_is_called_by_its_address(monkeypatch, host, server):
    account = kopf.ConnectionInfo(server="https://by.name", token="t")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: account)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")

    assert handlers._login_in_cluster() == replace(account, server=server)


def test_outside_a_cluster_there_is_no_login_in_it(monkeypatch):
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: None)

    assert handlers._login_in_cluster() is None
