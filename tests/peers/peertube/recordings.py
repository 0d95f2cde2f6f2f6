"""Recorded calls of a real server, and how a simulated answer may differ from one of them.

What must be equal: status, content type, which rate limit counted the request, keys and value types, the wording of
errors, labels, and every address and time up to the identifiers in it. What may differ: identifiers, figures that
depend on the moment, free text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WORDING = frozenset(
    {
        "type",
        "title",
        "detail",
        "error",
        "code",
        "docs",
        "instance",
        "msg",
        "path",
        "location",
        "label",
        "token_type",
        "value",
    },
)
FIGURES = frozenset({"status", "failures", "total", "resolution", "fps"})
DIRECTORY = Path(__file__).parents[2] / "contract" / "recordings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, lower-case headers, and a body: JSON, text, or None for an empty one."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded call; `request` has method, path, and where they apply form, json, multipart, auth, host."""

    number: int
    name: str
    request: Mapping[str, Any]
    answer: Answer
    headers_recorded: bool


def load(version: str) -> list[Recording]:
    """All numbered recordings of a version, in order."""
    return [_read(path) for path in sorted((DIRECTORY / version).glob("[0-9]*.json"))]


def conversation(version: str) -> list[Mapping[str, Any]]:
    """Every event between the official runner 0.6.0 and a server of that version, in order."""
    text = (DIRECTORY / version / "runner-0.6.0.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def _read(path: Path) -> Recording:
    document = json.loads(path.read_text())
    response = document["response"]
    headers = response.get("headers")
    return Recording(
        number=int(path.name.partition("-")[0]),
        name=document["name"],
        request=document["request"],
        answer=Answer(status=response["status"], headers=headers or {}, body=response["body"]),
        headers_recorded=headers is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Leniency:
    """What a comparison lets pass.

    Attributes:
        excerpt: The recorded body is a part of the real one, so that more keys are fine.
        headers: The recording has no headers to compare.
        history: The recorded server had a longer past: the number of rows may differ, and each row must look like any
            recorded row of its kind.
    """

    excerpt: bool = False
    headers: bool = False
    history: bool = False


EXACT = Leniency()


def differences(expected: Answer, actual: Answer, leniency: Leniency = EXACT) -> list[str]:
    """What is wrong with the actual answer; empty if it could come from the recorded server."""
    found = [] if expected.status == actual.status else [f"status {actual.status} instead of {expected.status}"]
    if not leniency.headers:
        found += _header_differences(expected.headers, actual.headers)
    found += _body_differences(expected.body, actual.body, "body", leniency)
    return found


def _header_differences(expected: Mapping[str, str], actual: Mapping[str, str]) -> Iterator[str]:
    for name in ("content-type", "x-ratelimit-limit"):
        if expected.get(name) != actual.get(name):
            yield f"header {name} is {actual.get(name)} instead of {expected.get(name)}"
    for name in ("x-ratelimit-remaining", "retry-after"):
        if (name in expected) != (name in actual):
            yield f"header {name} is {actual.get(name)} instead of {expected.get(name)}"
        elif name in actual and not actual[name].isdecimal():
            yield f"header {name} is no whole number: {actual[name]}"


def _body_differences(expected: Any, actual: Any, where: str, leniency: Leniency) -> Iterator[str]:
    if type(expected) is not type(actual):
        yield f"{where} is {type(actual).__name__} {actual!r} instead of {type(expected).__name__} {expected!r}"
    elif isinstance(expected, dict):
        yield from _object_differences(expected, actual, where, leniency)
    elif isinstance(expected, list):
        compare = _history_differences if leniency.history else _list_differences
        yield from compare(expected, actual, where, leniency)
    elif not _equal_enough(expected, actual, re.sub(r".*\.|\[.*", "", where)):
        yield f"{where} is {actual!r} instead of {expected!r}"


def _object_differences(
    expected: Mapping[str, Any], actual: Mapping[str, Any], where: str, leniency: Leniency
) -> Iterator[str]:
    missing = expected.keys() - actual.keys()
    extra = set() if leniency.excerpt else actual.keys() - expected.keys()
    if missing or extra:
        yield f"{where} lacks {sorted(missing)} and has {sorted(extra)} too many"
    for key in expected.keys() & actual.keys():
        yield from _body_differences(expected[key], actual[key], f"{where}.{key}", leniency)


def _list_differences(expected: list[Any], actual: list[Any], where: str, leniency: Leniency) -> Iterator[str]:
    if len(expected) != len(actual):
        yield f"{where} has {len(actual)} rows instead of {len(expected)}"
    for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
        yield from _body_differences(left, right, f"{where}[{index}]", leniency)


def _history_differences(expected: list[Any], actual: list[Any], where: str, leniency: Leniency) -> Iterator[str]:
    if bool(expected) != bool(actual):
        yield f"{where} has {len(actual)} rows instead of {len(expected)}"
    for index, row in enumerate(actual):
        kin = [other for other in expected if _kind(other) == _kind(row)]
        found = [list(_body_differences(other, row, f"{where}[{index}]", leniency)) for other in kin]
        if not found:
            yield f"{where}[{index}] is of a kind that was not recorded: {_kind(row)}"
        yield from min(found, key=len, default=[])


def _kind(row: Any) -> Any:
    if not isinstance(row, dict):
        return type(row)
    return (row.get("type"), (row.get("state") or {}).get("id"))


def _equal_enough(expected: Any, actual: Any, key: str) -> bool:
    if isinstance(expected, str):
        plain, other = _without_identifiers(expected), _without_identifiers(actual)
        return plain == other or (plain == expected and key not in WORDING)
    return bool(expected == actual) or key not in FIGURES


def _without_identifiers(text: str) -> str:
    return TIME.sub("<time>", UUID.sub("<uuid>", text))
