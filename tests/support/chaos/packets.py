"""Packets between a pod and this machine, dropped: all of them, or by chance, in both directions or in one.

The rules go into the node's own chains, before what is there. So they come out with the node, too, if a test's process
dies before it can take them out. What passes between two pods stays on the bridge, and is not seen here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from support.cluster.commands import run
from support.cluster.network import POD_NETWORK

_CHAINS = {"input": "RUNNERPOOL-INPUT", "output": "RUNNERPOOL-OUTPUT"}
SURE = 1.0


class Direction(Enum):
    """As the pod sees it."""

    BOTH = ("input", "output")
    OUT = ("input",)
    """What it sends does not arrive."""
    IN = ("output",)
    """What is sent to it does not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The way between a pod and a port of this machine.

    Attributes:
        pod: the pod's address; None for all pods.
        port: of the server on this machine; None for all that the pod says and hears, its probes too.
    """

    pod: str | None
    port: int | None = None

    def rules(self, direction: Direction, share: float) -> list[tuple[str, ...]]:
        """What iptables is told, without the verb."""
        chance = () if share >= SURE else ("-m", "statistic", "--mode", "random", "--probability", f"{share:.3f}")
        made = []
        for hook in direction.value:
            address, port, way = ("-s", "--dport", "-i") if hook == "input" else ("-d", "--sport", "-o")
            matched = ("-p", "tcp", port, str(self.port)) if self.port is not None else ()
            # This machine has an address among the pods' own, under which it talks to itself.
            elsewhere = ("!", way, "lo")
            made.append(
                (_CHAINS[hook], address, self.pod or str(POD_NETWORK), *elsewhere, *matched, *chance, "-j", "DROP")
            )
        return made


@contextmanager
def dropped(way: Way, direction: Direction = Direction.BOTH, *, share: float = SURE) -> Iterator[None]:
    """Drop the packets of a way while the block runs.

    Args:
        way: which.
        direction: both, or one.
        share: of them, at random; 1 is a cut.
    """
    made: list[tuple[str, ...]] = []
    try:
        for chain, *rule in way.rules(direction, share):
            _iptables("-I", chain, *rule)
            made.append((chain, *rule))
        yield
    finally:
        for chain, *rule in made:
            _iptables("-D", chain, *rule)


def _iptables(*arguments: str) -> None:
    run("iptables", "--wait", "--table", "filter", *arguments)
