"""Calls that failed before the eyes of the operator, but not in the audit log: a proxy of the tests answered them."""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from support.observer.records import ApiCall


class Asked(Protocol):
    """The request, in the API's own words."""

    @property
    def verb(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def writes(self) -> bool: ...


class Recorded(Protocol):
    """What a proxy keeps; `at` is on the monotonic clock, `status` None where the connection was cut."""

    @property
    def at(self) -> float: ...
    @property
    def asked(self) -> Asked: ...
    @property
    def status(self) -> int | None: ...


def failed_calls(requests: Iterable[Recorded], user: str) -> Iterator[ApiCall]:
    """The writes among a proxy's requests that failed. Those that the API server refused are in its log as well."""
    clock = time.time() - time.monotonic()
    for record in list(requests):
        call = ApiCall(
            at=record.at + clock,
            user=user,
            verb=record.asked.verb,
            resource=record.asked.target,
            namespace=record.asked.namespace,
            name=record.asked.name,
            code=record.status or 0,
        )
        if record.asked.writes and call.failed:
            yield call
