"""Everything outside that a pool's task works with."""

from dataclasses import dataclass
from datetime import datetime

from runnerpool.control.ports import Clock, Cluster, Links, Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The ports, and what is the same for every pool of this process.

    Attributes:
        cluster_id: Stands in the ownership mark of everything that this operator registers.
        runner_image: Image of the operator's own release, for pools that name none.
        observed_since: When this process began to watch.
    """

    cluster: Cluster
    links: Links
    clock: Clock
    recorder: Recorder
    cluster_id: str
    runner_image: str
    observed_since: datetime
