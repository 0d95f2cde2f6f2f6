"""A pod's link, made slow: both ends of its veth pair pass so many bits a second and no more.

By `tc` with a token bucket, since many kernels have no netem (`CONFIG_NET_SCH_NETEM`): rate, not delay. Loss is in
`packets`. Both disciplines go with the pod's network namespace, whatever happens to the test.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.cluster.commands import run
from support.cluster.errors import ClusterError

_INSIDE = "eth0"
_BURST, _QUEUE = "16kb", "200ms"


@contextmanager
def slow(pid: int, *, kilobits: int) -> Iterator[None]:
    """Let the link of a pod pass so much in each direction while the block runs.

    Args:
        pid: of any process in the pod's network namespace.
        kilobits: a second.
    """
    bucket = ("root", "tbf", "rate", f"{kilobits}kbit", "burst", _BURST, "latency", _QUEUE)
    ends = [("tc", "qdisc", "{verb}", "dev", outer_end(pid)), _within(pid, "tc", "qdisc", "{verb}", "dev", _INSIDE)]
    done: list[tuple[str, ...]] = []
    try:
        for end in ends:
            run(*_told(end, "replace"), *bucket)
            done.append(end)
        yield
    finally:
        for end in done:
            with suppress(ClusterError):  # the pod has ended, and its link with it
                run(*_told(end, "delete"), "root", check=False)


def outer_end(pid: int) -> str:
    """The name of the pod's link on this machine."""
    (inside,) = json.loads(run(*_within(pid, "ip", "-json", "link", "show", "dev", _INSIDE)).stdout)
    links = json.loads(run("ip", "-json", "link", "show").stdout)
    return str(next(link["ifname"] for link in links if link["ifindex"] == inside["link_index"]))


def _within(pid: int, *command: str) -> tuple[str, ...]:
    return ("nsenter", f"--target={pid}", "--net", *command)


def _told(command: tuple[str, ...], verb: str) -> tuple[str, ...]:
    return tuple(word.format(verb=verb) for word in command)
