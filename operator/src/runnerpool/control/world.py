"""Everything outside that a pool's task works with."""

from dataclasses import dataclass
from datetime import datetime

from runnerpool.control.ports import Clock, Cluster, Links, Recorder
from runnerpool.control.provisioning import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports, and what is the same for every pool of this process.

    Attributes:
        observed_since: When this process began to watch.
    """

    cluster: Cluster
    links: Links
    clock: Clock
    recorder: Recorder
    stamp: Stamp
    observed_since: datetime
