"""`/healthz` and `/readyz`, told from a thread of their own: an event loop that hangs cannot answer for itself."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler

from runnerpool.listening import Listener, listen

BEAT_SECONDS = 1.0
MAX_LOOP_LAG_SECONDS = 60.0
MAX_PASS_AGE_SECONDS = 300.0
MAX_BLIND_SECONDS = 30.0
"""Twice as long as the API server is ever left unasked: passes ask it, a standby reads the Lease, and where there is no
pool `runnerpool.cluster.pulse` does."""


class Health:
    """Evidence of life, gathered by the event loop and read by the probe thread.

    Attributes:
        watching: The watches on pools and pods stand.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beat = monotonic()
        self._oldest_pass: Callable[[], float | None] = lambda: None
        self._last_api_answer: Callable[[], float] = monotonic
        self._cannot_lead: Callable[[], str | None] | None = None
        self.watching = False

    def look_at(self, *, oldest_pass: Callable[[], float | None], last_api_answer: Callable[[], float]) -> None:
        """Where to look: the oldest of the pools' last passes (None without pools), and the last usable answer.

        Both on the monotonic clock.
        """
        self._oldest_pass = oldest_pass
        self._last_api_answer = last_api_answer

    def stand_by(self, *, cannot_lead: Callable[[], str | None], last_api_answer: Callable[[], float]) -> None:
        """Another replica leads, or none yet: this one is ready if it could lead, though it watches nothing.

        A standby that was not ready would keep a rolling update from ever ending the leader.
        """
        self._cannot_lead = cannot_lead
        self._last_api_answer = last_api_answer

    def take_over(self) -> None:
        """This replica leads from now on."""
        self._cannot_lead = None

    async def beat_for_ever(self) -> None:
        """Prove once a second that the event loop turns. `loop_lag` tells how long it has not."""
        while True:
            self._beat = self._monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    @property
    def loop_lag(self) -> float:
        """Seconds that the event loop is late; 0 while it turns."""
        return max(0.0, self._monotonic() - self._beat - BEAT_SECONDS)

    def sick(self) -> str | None:
        """Why the process should be restarted; None if it should not."""
        if self.loop_lag > MAX_LOOP_LAG_SECONDS:
            return f"the event loop has not turned for {self.loop_lag:.0f} s"
        oldest = self._oldest_pass()
        if oldest is not None and self._monotonic() - oldest > MAX_PASS_AGE_SECONDS:
            return f"a pool has had no pass for {self._monotonic() - oldest:.0f} s"
        return None

    def blind(self) -> str | None:
        """Why the operator cannot do its work now; None if it can."""
        trouble = self._no_work()
        if trouble is not None:
            return trouble
        silence = self._monotonic() - self._last_api_answer()
        if silence > MAX_BLIND_SECONDS:
            return f"the API server has given no usable answer for {silence:.0f} s"
        return self.sick()

    def _no_work(self) -> str | None:
        if self._cannot_lead is not None:
            return self._cannot_lead()
        return None if self.watching else "the watches on pools and pods do not stand"


def serve(health: Health, port: int) -> Listener:
    """Serve the probes until `shutdown` is called on the result. Port 0 takes a free one."""
    answers: Mapping[str, Callable[[], str | None]] = {"/healthz": health.sick, "/readyz": health.blind}

    class Probe(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            check = answers.get(self.path)
            if check is None:
                self.send_error(404)
                return
            trouble = check()
            body = json.dumps({"ok": trouble is None, "cause": trouble}).encode()
            self.send_response(200 if trouble is None else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds; they are no news."""

    return listen(Probe, port, name="health")
