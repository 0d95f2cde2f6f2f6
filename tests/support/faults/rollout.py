"""What a rollout keeps to at every event, told from what the observer has seen."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from support.observer import objects
from support.observer.records import Change, Json, Kind, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a pool's rollout may do.

    Attributes:
        target: how many pods the pool is to have.
        surge, unavailable: its `maxSurge` and `maxUnavailable`.
    """

    target: int
    surge: int = 1
    unavailable: int = 0

    def broken(self, versions: Iterable[Version], old: AbstractSet[str]) -> list[str]:
        """Each moment at which they did not hold, or at which a second pod was there before the first had shown itself.

        Args:
            versions: of a namespace, in the API server's order; judged from the moment on when `target` pods are ready.
            old: names of the pods that there were before the change.
        """
        return list(self._broken(versions, old))

    def _broken(self, versions: Iterable[Version], old: AbstractSet[str]) -> Iterator[str]:
        begun = proven = False
        for version, takers in _takers(versions):
            ready = sum(map(objects.ready, takers.values()))
            new = takers.keys() - old
            begun = begun or ready == self.target
            proven = proven or any(objects.ready(takers[name]) for name in new)
            if not begun:
                continue
            if len(takers) > self.target + self.surge:
                yield f"with pod {version.name}, {len(takers)} pods may take work"
            if ready < self.target - self.unavailable:
                yield f"with pod {version.name}, {ready} pods are ready"
            if len(new) > 1 and not proven:
                yield f"with pod {version.name}, {len(new)} pods are there of which none has shown that it works"


def _takers(versions: Iterable[Version]) -> Iterator[tuple[Version, dict[str, Json]]]:
    """After each version of a pod, the pods that may take work then, by name."""
    pods: dict[str, Json] = {}
    for version in versions:
        if version.kind is not Kind.POD:
            continue
        pods[version.name] = version.body
        if version.change is Change.DELETED:
            del pods[version.name]
        yield version, {name: pod for name, pod in pods.items() if objects.may_take_work(pod)}
