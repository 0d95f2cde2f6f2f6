import socket
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from prometheus_client import MetricsHandler

from runnerpool import listening
from runnerpool.listening import listen
from runnerpool.metrics import Metrics


@contextmanager
def served(handler):
    server = listen(handler, 0, name="test")
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def port():
    with served(MetricsHandler.factory(Metrics().registry)) as port:
        yield port


def page(host, port):
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=5) as response:
        return response.read().decode()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this host has no IPv6")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("[::1]", marks=NEEDS_IPV6)])
def test_every_address_of_the_host_is_answered(host, port):
    assert "runnerpool_build_info" in page(host, port)


def test_a_kernel_without_ipv6_is_no_hindrance(monkeypatch):
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)

    with served(MetricsHandler.factory(Metrics().registry)) as port:
        assert "runnerpool_build_info" in page("127.0.0.1", port)
        with pytest.raises(OSError, match=r"refused|Cannot assign"):
            socket.create_connection(("::1", port), timeout=5)


@pytest.mark.parametrize("begun", [b"", b"GET /metrics", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
def test_a_peer_that_falls_silent_holds_no_thread(begun, port, monkeypatch, capfd):
    monkeypatch.setattr(listening, "SILENCE_SECONDS", 0.1)

    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(begun)

        assert peer.recv(1) == b""
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("fault", "told"), [(BrokenPipeError(), False), (KeyError("a fault of ours"), True)])
def test_a_peer_that_hangs_up_is_no_news_and_a_fault_of_ours_is(fault, told, capfd):
    class Failing(BaseHTTPRequestHandler):
        def handle(self):
            raise fault

    with served(Failing) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        assert peer.recv(1) == b""

    assert ("a fault of ours" in capfd.readouterr().err) is told
