"""All that the observations of one run saw, so that at its end every secret of the run is looked for in all of it."""

import functools
import json
import operator
import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What is kept of observations.

    Attributes:
        secrets: by what they are; the same name in two tests is two secrets.
        texts: where each stood, by the text.
        searched: the places that tests looked at.
    """

    secrets: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[bytes, str] = field(default_factory=dict)
    searched: frozenset[str] = frozenset()

    @classmethod
    def of(cls, history: History) -> "Taken":
        secrets = {f"{name} of {history.namespace}": secret for name, secret in (history.secrets or {}).items()}
        texts = [*_parts(history.versions), *history.texts]
        kept = [text for text in texts if not text.place.startswith(("etcd key ", "cmdline of ", "environ of "))]
        searched = frozenset().union(*map(_place_of, texts))
        return cls(secrets, {text.content: text.place for text in kept}, searched)

    def __or__(self, other: "Taken") -> "Taken":
        return Taken({**self.secrets, **other.secrets}, {**self.texts, **other.texts}, self.searched | other.searched)


class WholeRun:
    """Secrets are looked for in what each test has observed, its own in etcd and processes too, by that test itself.

    What is kept here is for those of other tests: whatever the operator still knows of them.

    Args:
        directory: where the processes of one run leave to each other what they took; None if there is only this one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._left = 0
        self._kept = Taken()

    def take(self, histories: Sequence[History]) -> None:
        """Keep an observation."""
        taken = functools.reduce(operator.or_, map(Taken.of, histories), Taken())
        self._kept |= taken
        if self._directory is not None:
            self._left += 1
            path = self._directory / f"{os.getpid()}-{self._left}.observed"
            path.write_bytes(pickle.dumps(taken))

    def gather(self) -> None:
        """Take over what all processes have left so far."""
        for path in sorted(self._directory.glob("*.observed")) if self._directory else ():
            self._kept |= pickle.loads(path.read_bytes())

    def search(self, now: Iterable[Text] = ()) -> list[Finding]:
        """Every secret of the run, in all that was kept and in what stands now."""
        kept = [Text(place=place, content=content) for content, place in self._kept.texts.items()]
        return search(self._kept.secrets, [*kept, *now])

    def blind_spots(self, now: Iterable[Text]) -> list[str]:
        """Places in which there was nothing to look at, and kinds of secret that there was none of."""
        searched = self._kept.searched.union(*map(_place_of, now))
        places = [place for place in PLACES.values() if place not in searched]
        return places + [kind for kind in SECRETS if not any(name.startswith(kind) for name in self._kept.secrets)]

    def a_secret(self, kind: str) -> tuple[str, str]:
        """One of the run's secrets: what it is, and its value."""
        return next((name, value) for name, value in self._kept.secrets.items() if name.startswith(kind))

    @property
    def empty(self) -> bool:
        """Nobody has used a secret."""
        return not self._kept.secrets


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
