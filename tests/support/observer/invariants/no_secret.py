"""I4: no secret stands anywhere but in a Secret."""

import json

from support.observer.records import History, Invariant, Kind, Text, Violation
from support.observer.search import search


def check(history: History) -> list[Violation]:
    if not history.secrets:
        return []
    return [
        Violation(invariant=Invariant.NO_SECRET, since=history.begin, at=history.end, what=str(finding))
        for finding in search(history.secrets, [*_objects(history), *history.texts])
    ]


def _objects(history: History) -> list[Text]:
    return [
        Text(
            place=f"{version.kind} {version.name}, version {version.number}",
            content=json.dumps(version.body, ensure_ascii=False).encode(),
        )
        for version in history.versions
        if version.kind is not Kind.SECRET
    ]
