"""Looks for planted secrets in whatever was written; tells where they are, and never what they are."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from support.observer.records import Text

# Shorter ones would be found in anything.
_SHORTEST = 8


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """`secret` says which one it is, not its value."""

    secret: str
    place: str

    def __str__(self) -> str:
        return f"{self.secret} stands in {self.place}"


def search(secrets: Mapping[str, str], texts: Iterable[Text]) -> list[Finding]:
    """Where secrets stand: as they are, as part of a URL, or in Base64.

    Raises:
        ValueError: a secret is too short to be looked for.
    """
    forms = [(name, form) for name, value in secrets.items() for form in _forms(name, value)]
    found = {Finding(name, text.place) for text in texts for name, form in forms if form in text.content}
    return sorted(found)


def _forms(name: str, value: str) -> Iterator[bytes]:
    if len(value) < _SHORTEST:
        raise ValueError(f"{name} has {len(value)} characters; a secret to look for needs {_SHORTEST} or more")
    plain = value.encode()
    yield plain
    if quote(value, safe="") != value:
        yield quote(value, safe="").encode()
    # Where in a longer text it stands decides on how Base64 shows it; what the neighbours touch is cut off.
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + plain)
        begin = (offset * 8 + 5) // 6
        yield encoded[begin : (offset + len(plain)) * 8 // 6]
