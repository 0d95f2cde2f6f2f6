"""What a server can do wrong, or what stands before it: faults that tests put in and take away."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from http import HTTPStatus
from typing import Any

# The calls of an administrator's program, so that runners go on undisturbed.
ADMINISTRATION = (
    "/api/v1/(config|oauth-clients/local|users/token"
    "|runners(/register|/[0-9]+|/registration-tokens.*|/jobs(/[0-9a-f-]{36}(/cancel)?)?)?)"
)
_OWN = "/simulation"


class Kind(StrEnum):
    """What happens to a request.

    The server's own answer is made first, and then spoilt, by `truncated`, `wrong-types`, `negative`, `huge`, `drip`,
    `cut` and `slow`; the others do not ask it.
    """

    STATUS = "status"
    HTML = "html"
    NOT_JSON = "not-json"
    TRUNCATED = "truncated"
    WRONG_TYPES = "wrong-types"
    NEGATIVE = "negative"
    HUGE = "huge"
    SILENCE = "silence"
    SLOW = "slow"
    DRIP = "drip"
    ENDLESS = "endless"
    REDIRECT = "redirect"
    CLOSED = "closed"
    CUT = "cut"


class FaultError(ValueError):
    """A fault that cannot be put in; the message says why."""


def _canary() -> str:
    return f"canary-{secrets.token_hex(8)}"


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One fault.

    Attributes:
        path: A regular expression for the whole path.
        methods: () means all.
        times: After that many requests all is well again; None means until it is lifted.
        status: Of `status` (500), `html` (502), `redirect` (307); the others keep the answer's own, or 200.
        code: Of the problem body of `status`; a 401 has `invalid_token` of its own accord.
        retry_after: Seconds, or a date, for the header of that name.
        location: Where `redirect` leads: an origin, to which path and query are added.
        seconds: How long `slow` takes.
        bytes_per_second: How fast `drip` is.
        canary: Stands in every body, so that a test can look for it where no body belongs.
        met: Requests that met it.
        lifted: Set when it is gone; `silence` ends then, without an answer.
    """

    kind: Kind
    path: str = ".*"
    methods: tuple[str, ...] = ()
    times: int | None = None
    status: int | None = None
    code: str | None = None
    retry_after: str | None = None
    location: str | None = None
    seconds: float = 1.0
    bytes_per_second: float = 1.0
    canary: str = field(default_factory=_canary)
    met: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def parse(cls, document: Any) -> "Fault":
        """Read a request body; its keys are the attributes in camel case.

        Raises:
            FaultError: It is no object, or has a key or a value that no fault has.
        """
        if not isinstance(document, dict):
            raise FaultError(f"A fault is an object with a kind: {', '.join(Kind)}")
        names = {_camel(name.name): name.name for name in fields(cls) if name.name not in ("met", "lifted")}
        if unknown := document.keys() - names.keys():
            raise FaultError(f"No fault has {', '.join(sorted(unknown))}; give some of {', '.join(names)}")
        values = {names[key]: value for key, value in document.items()}
        try:
            values["kind"] = Kind(str(values.get("kind")))
            re.compile(values.get("path", ""))
            values["methods"] = tuple(values.get("methods", ()))
            fault = cls(**values)
            fault._check()
        except FaultError:
            raise
        except (ValueError, TypeError, re.error) as error:
            raise FaultError(f"No such fault: {error}; kinds are {', '.join(Kind)}") from error
        return fault

    def _check(self) -> None:
        if self.kind is Kind.REDIRECT and not self.location:
            raise FaultError('A redirect leads nowhere; give a "location" such as https://other.example')
        if self.bytes_per_second <= 0 or self.seconds < 0:
            raise FaultError("A fault takes time that is not negative; give bytesPerSecond above 0")
        if self.times is not None and self.times < 1:
            raise FaultError("A fault that strikes no request is none; give times above 0")
        if self.status is not None and self.status not in set(HTTPStatus):
            raise FaultError(f"{self.status} is no status of HTTP")

    def strikes(self, method: str, path: str) -> bool:
        over = self.times is not None and self.met >= self.times
        return not over and (not self.methods or method in self.methods) and bool(re.fullmatch(self.path, path))

    def shown(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": self.path, "canary": self.canary, "met": self.met}


class FaultBoard:
    """The faults that are in; of several that fit, the last one put in strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def put_in(self, fault: Fault) -> None:
        self._faults.append(fault)

    def lift_all(self) -> None:
        for fault in self._faults:
            fault.lifted.set()
        self._faults.clear()

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that a request meets; the simulation's own routes meet none."""
        if path.startswith(_OWN):
            return None
        fault = next((fault for fault in reversed(self._faults) if fault.strikes(method, path)), None)
        if fault is not None:
            fault.met += 1
        return fault


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
