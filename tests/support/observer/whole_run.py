"""All that the observations of one run saw, so that at its end every secret of the run is looked for in all of it."""

import json
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from support.observer.places import OPERATOR_NAMESPACE
from support.observer.records import History, Kind, Text, Version
from support.observer.search import Finding, search

_PARTS = ("metadata", "spec", "status")
# The beginnings of what places are called; of several that fit, the first counts.
PLACES: Mapping[str, str] = {
    "metadata of Pod ": "annotations of pods",
    "spec of Pod ": "specs of pods",
    "status of Pod ": "statuses of pods",
    "metadata of TranscodingRunnerPool ": "annotations of pools",
    "status of TranscodingRunnerPool ": "statuses of pools",
    "Event ": "events",
    "log of pod ": "logs of agents",
    "operator-": "the operator's log",
    f"metrics of pod {OPERATOR_NAMESPACE}/": "the operator's metrics",
    "metrics of pod ": "metrics of agents",
    "cmdline of ": "command lines",
    "environ of ": "environments",
    "etcd key ": "etcd",
}
SECRETS = ("the administrator's password", "access token", "refresh token", "registration token", "the token of runner")


class WholeRun:
    """Secrets are looked for in what each test has observed, its own in etcd and processes too, by that test itself.

    What is kept here is for those of other tests: whatever the operator still knows of them.

    Args:
        directory: where the processes of one run leave to each other what they took; None if there is only this one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._taken = 0
        self._secrets: dict[str, str] = {}
        self._texts: dict[bytes, str] = {}
        self._searched: set[str] = set()

    def take(self, histories: Sequence[History]) -> None:
        """Keep an observation."""
        taken = WholeRun()
        taken._take(histories)
        self._add(taken)
        if self._directory is not None:
            self._taken += 1
            path = self._directory / f"{os.getpid()}-{self._taken}.observed"
            path.write_bytes(pickle.dumps((taken._secrets, taken._texts, taken._searched)))

    def gather(self) -> None:
        """Take over what all processes have left so far."""
        for path in sorted(self._directory.glob("*.observed")) if self._directory else ():
            other = WholeRun()
            other._secrets, other._texts, other._searched = pickle.loads(path.read_bytes())
            self._add(other)

    def _add(self, other: "WholeRun") -> None:
        self._secrets |= other._secrets
        self._texts |= other._texts
        self._searched |= other._searched

    def _take(self, histories: Sequence[History]) -> None:
        for history in histories:
            # The same name in two tests is two secrets.
            self._secrets |= {f"{name} of {history.namespace}": one for name, one in (history.secrets or {}).items()}
            for text in (*_parts(history.versions), *history.texts):
                self._searched |= _place_of(text)
                if not text.place.startswith(("etcd key ", "cmdline of ", "environ of ")):
                    self._texts[text.content] = text.place

    def search(self, now: Iterable[Text] = ()) -> list[Finding]:
        """Every secret of the run, in all that was kept and in what stands now."""
        kept = [Text(place=place, content=content) for content, place in self._texts.items()]
        return search(self._secrets, [*kept, *now])

    def blind_spots(self, now: Iterable[Text]) -> list[str]:
        """Places in which there was nothing to look at, and kinds of secret that there was none of."""
        searched = self._searched.union(*map(_place_of, now))
        places = [place for place in PLACES.values() if place not in searched]
        return places + [kind for kind in SECRETS if not any(name.startswith(kind) for name in self._secrets)]

    def a_secret(self, kind: str) -> tuple[str, str]:
        """One of the run's secrets: what it is, and its value."""
        return next((name, value) for name, value in self._secrets.items() if name.startswith(kind))

    @property
    def empty(self) -> bool:
        """Nobody has used a secret."""
        return not self._secrets


def _place_of(text: Text) -> set[str]:
    found = (place for beginning, place in PLACES.items() if text.place.startswith(beginning) and text.content)
    return {place for place in [next(found, None)] if place is not None}


def _parts(versions: Iterable[Version]) -> Iterator[Text]:
    """Objects fall apart, since most versions of one differ in one part alone."""
    for version in versions:
        if version.kind is Kind.EVENT:
            yield _text(f"Event {version.name}", version.body)
        elif version.kind is not Kind.SECRET:
            for part in _PARTS:
                if version.body.get(part):
                    yield _text(f"{part} of {version.kind} {version.name}", version.body[part])


def _text(place: str, document: object) -> Text:
    return Text(place=place, content=json.dumps(document, ensure_ascii=False).encode())
