"""The validators' checks on query and body (server/core/middlewares/validators/)."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from multidict import MultiMapping

from peers.peertube.problems import Invalid
from peers.peertube.profile import ServerProfile


class Page:
    """`start`, `count` and `sort` of a list request.

    Raises:
        Invalid: A figure is none or out of bounds, or the list cannot be sorted so.
    """

    def __init__(self, query: MultiMapping[str], profile: ServerProfile, sortable: Collection[str]) -> None:
        self.start = _number(query, "start", 0, None)
        self.count = _number(query, "count", profile.page_size, profile.page_limit)
        sort = query.get("sort", "-createdAt")
        self.descending = sort.startswith("-")
        self.column = sort.removeprefix("-")
        if self.column not in sortable:
            raise Invalid("sort", sort, where="query")


def _number(query: MultiMapping[str], name: str, default: int, limit: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if re.fullmatch(r"\d+", text) and (limit is None or int(text) <= limit):
        return int(text)
    bound = "" if limit is None else f" (max: {limit})"
    raise Invalid(name, text, where="query", message=f"Should have a number {name}{bound}")


def values_of(query: MultiMapping[str], name: str) -> set[str]:
    """The values of a repeatable filter."""
    return {*query.getall(name, []), *query.getall(f"{name}[]", [])}


def one_of(query: MultiMapping[str], name: str, allowed: Collection[str]) -> set[str]:
    """The values of a repeatable filter; empty means no filter.

    Raises:
        Invalid: A value that the server does not know.
    """
    values = [*query.getall(name, []), *query.getall(f"{name}[]", [])]
    if any(value not in allowed for value in values):
        raise Invalid(name, values, where="query")
    return set(values)


def text_field(body: Mapping[str, Any], name: str, longest: int) -> str:
    """A required text of 1 to `longest` characters.

    Raises:
        Invalid: It is missing, empty, too long or no text.
    """
    value = body.get(name)
    if isinstance(value, str) and 1 <= len(value) <= longest:
        return value
    raise Invalid(name, value, where="body")


def optional_text_field(body: Mapping[str, Any], name: str, longest: int) -> str | None:
    """A text that may be missing or null."""
    return None if body.get(name) is None else text_field(body, name, longest)


def progress_field(body: Mapping[str, Any]) -> int | None:
    """A percentage, if there is one.

    Raises:
        Invalid: It is no whole number from 0 to 100.
    """
    value = body.get("progress")
    if value is None:
        return None
    if re.fullmatch(r"\d{1,3}", str(value)) and int(value) <= 100:
        return int(value)
    raise Invalid("progress", value, where="body")
