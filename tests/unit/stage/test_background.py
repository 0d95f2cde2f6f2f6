"""What the loop of a test's peers leaves behind: nothing."""

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator

import pytest
import trustme

from support.background import Background

_LAST_WORD_AFTER_SECONDS = 0.5


def _slow_to_say_goodbye(listening: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True) as encrypted:
        encrypted.recv(1)
        time.sleep(_LAST_WORD_AFTER_SECONDS)
        with contextlib.suppress(OSError):
            encrypted.unwrap()


@pytest.fixture
def slow_server() -> Iterator[tuple[int, ssl.SSLContext]]:
    """A TLS server that answers the end of a connection late, as an API server with much to do; port and trust."""
    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_slow_to_say_goodbye, args=(listening, serving))
        thread.start()
        yield listening.getsockname()[1], trust
        thread.join()


def test_a_connection_whose_far_end_is_slow_to_say_goodbye_is_closed_before_the_loop(
    slow_server: tuple[int, ssl.SSLContext],
) -> None:
    port, trust = slow_server

    async def connect_and_close() -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        writer.close()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Background() as background:
            background.call(connect_and_close())
        gc.collect()

    assert [str(warning.message) for warning in caught] == []
