import asyncio
import gc
import itertools
import logging
import threading
from dataclasses import replace

import kopf
import pytest

from runnerpool import handlers
from runnerpool.api import names
from runnerpool.handlers import Watcher, build_registry, kopf_settings
from runnerpool.settings import Settings

SETTINGS = Settings(runner_image="localhost/runner:1")


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


async def test_the_watches_begin_only_when_the_resource_is_there(monkeypatch, caplog):
    answers = [False, False, True]
    begun = threading.Event()

    async def served():
        return answers.pop(0)

    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=served, on_state=lambda watching: None)
    monkeypatch.setattr(handlers, "_CRD_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watcher, "_watch_once", lambda: (begun.set(), watcher.stop()))

    with caplog.at_level(logging.ERROR):
        await asyncio.wait_for(watcher.run(), 10)

    assert begun.is_set()
    assert answers == []
    (told,) = [record.message for record in caplog.records]
    assert "does not know transcodingrunnerpools.runnerpool.dev: install the CRD" in told


async def test_a_stopped_operator_waits_for_no_resource(monkeypatch):
    async def never():
        watcher.stop()
        return False

    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=never, on_state=lambda watching: None)
    monkeypatch.setattr(watcher, "_watch_once", lambda: None)

    await asyncio.wait_for(watcher.run(), 10)


async def test_watches_that_stood_for_long_are_started_again_soon_whatever_was_before(monkeypatch, caplog):
    delays = (0.01, 0.02)
    ends = [False, False, False, True]

    def watch_once():
        if len(ends) == 2:
            monkeypatch.setattr(handlers, "_STEADY_SECONDS", 0.0)
        if ends.pop(0):
            watcher.stop()
        else:
            raise RuntimeError("a body that is not to be repeated")

    async def served():
        return True

    monkeypatch.setattr(handlers, "_RESTART_DELAYS_SECONDS", delays)
    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=served, on_state=lambda watching: None)
    monkeypatch.setattr(watcher, "_watch_once", watch_once)
    waited = []
    monkeypatch.setattr(watcher._stop, "wait", waited.append)

    with caplog.at_level(logging.WARNING):
        await asyncio.wait_for(watcher.run(), 10)

    assert waited == [delays[0], delays[1], delays[0]]
    assert len(caplog.records) == 3
    assert all("RuntimeError" in record.message and "body" not in record.message for record in caplog.records)


async def test_a_watch_that_ends_within_kopf_ends_them_all_so_that_they_are_started_again(monkeypatch):
    told = []

    async def operator(*, stop_flag, **_):
        async def watch():
            raise ValueError("a body that is not to be repeated")

        asyncio.create_task(watch(), name=f"{handlers._WATCH_TASK}pods@media")  # noqa: RUF006 -- as kopf does
        await stop_flag.wait()
        told.append("stopped")

    monkeypatch.setattr(handlers.kopf, "operator", operator)
    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=None, on_state=lambda watching: None)

    with pytest.raises(handlers.WatchLost, match=r"^ValueError$"):
        await asyncio.to_thread(watcher._watch_once)

    assert told == ["stopped"]


async def test_when_a_watch_ends_the_others_are_cancelled_before_kopf_ends_them_and_may_hang(monkeypatch):
    seen = []

    async def operator(*, stop_flag, **_):
        async def fail():
            raise ValueError

        other = asyncio.create_task(asyncio.Event().wait(), name=f"{handlers._WATCH_TASK}pods@media")
        failing = asyncio.create_task(fail(), name=f"{handlers._WATCH_TASK}pools@media")
        await stop_flag.wait()
        seen.append((failing.done(), bool(other.cancelling())))

    monkeypatch.setattr(handlers.kopf, "operator", operator)
    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=None, on_state=lambda watching: None)

    with pytest.raises(handlers.WatchLost, match=r"^ValueError$"):
        await asyncio.to_thread(watcher._watch_once)

    assert seen == [(True, True)]


async def test_no_task_that_kopf_leaves_alone_fills_the_log_with_what_it_died_of(monkeypatch, caplog):
    async def operator(*, stop_flag, **_):
        async def multitasker():
            raise ValueError("a body that is not to be repeated")

        asyncio.create_task(multitasker(), name="multidimensional multitasker")  # noqa: RUF006 -- as kopf does
        await asyncio.sleep(0)
        watcher.stop()
        await stop_flag.wait()

    monkeypatch.setattr(handlers.kopf, "operator", operator)
    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=None, on_state=lambda watching: None)

    await asyncio.to_thread(watcher._watch_once)
    gc.collect()

    assert caplog.records == []


async def test_kopf_is_stopped_when_the_watches_are(monkeypatch):
    async def operator(*, stop_flag, **_):
        watcher.stop()
        await stop_flag.wait()

    monkeypatch.setattr(handlers.kopf, "operator", operator)
    watcher = Watcher(SETTINGS, lambda namespace, name: None, served=None, on_state=lambda watching: None)

    await asyncio.wait_for(asyncio.to_thread(watcher._watch_once), 10)
