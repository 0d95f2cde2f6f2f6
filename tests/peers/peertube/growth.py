"""Orders for the rows of years."""

from typing import Any

from peers.peertube.grown import TYPES
from peers.peertube.profile import HLS, WEB_VIDEO
from peers.peertube.records import JobState
from peers.peertube.simulation import Simulation
from peers.peertube.table import Growth

MOST = 100_000_000
_COUNTS = ("finished", "waiting", "pending")
_DEFAULT_TYPES = {"finishedType": WEB_VIDEO, "waitingType": HLS, "pendingType": WEB_VIDEO}


class GrowthError(ValueError):
    """An order that cannot be met; the message says why."""


def ordered_growth(simulation: Simulation, document: dict[str, Any]) -> Growth:
    """Read a request body: `finished`, `waiting` and `pending` (0), their types, and `priority`.

    Raises:
        GrowthError: A field or a value that no growth has, or jobs that would wait for nothing.
    """
    figure = simulation.profile.priorities.required
    known = {**dict.fromkeys(_COUNTS, 0), **_DEFAULT_TYPES, "priority": figure}
    if unknown := document.keys() - known.keys():
        raise GrowthError(f"No growth has {', '.join(sorted(unknown))}; give some of {', '.join(known)}")
    order = {**known, **document}
    if not all(isinstance(order[name], int) and 0 <= order[name] <= MOST for name in _COUNTS):
        raise GrowthError(f"{', '.join(_COUNTS)} are whole numbers from 0 to {MOST}")
    types = [order[name] for name in _DEFAULT_TYPES]
    if not set(types) <= set(TYPES):
        raise GrowthError(f"The types of rows are {', '.join(TYPES)}")
    pending_already = any(job.state is JobState.PENDING for job in simulation.queue)
    if order["waiting"] and not order["pending"] and not pending_already:
        raise GrowthError("Jobs that wait do so for pending ones, and there are none; give pending too")
    return Growth(
        finished=order["finished"],
        waiting=order["waiting"],
        pending=order["pending"],
        finished_type=order["finishedType"],
        waiting_type=order["waitingType"],
        pending_type=order["pendingType"],
        priority=int(order["priority"]),
        public_url=simulation.settings.public_url.rstrip("/"),
        shapes=simulation.profile.shapes,
    )
