"""A drain of a node that takes one pod alone: everything else of the cluster lives on the same node."""

from support.stage.site import Site

_CHOSEN = "tests/evict=this"


def choose_for_drain(site: Site, pod: str) -> tuple[str, tuple[str, ...]]:
    """The pod's node, and the options with which `kubectl drain` takes this pod and no other."""
    site.kubectl("label", "pod", pod, _CHOSEN)
    heard = site.pod(pod)
    assert heard is not None
    return str(heard["spec"]["nodeName"]), ("--delete-emptydir-data", f"--pod-selector={_CHOSEN}")
