"""From the API server's JSON to a `Pool`."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runnerpool.api.job_types import JobType
from runnerpool.api.names import ANNOTATION_OVERRIDE, FINALIZER
from runnerpool.api.pool import Pool
from runnerpool.api.times import parse_time

_ASKS_FOR_NOTHING = {
    "server": {"url": "https://unknown.invalid", "credentialsRef": {"name": "unknown"}},
    "jobTypes": [JobType.WEB_VIDEO],
    "scaling": {"maxReplicas": 0},
}
# metav1.FinalizerOrphanDependents: the garbage collector takes it off when it has made the dependents ownerless.
_ORPHAN = "orphan"
_METADATA = ("namespace", "name", "uid", "generation", "resourceVersion")


@dataclass(frozen=True, slots=True)
class SpecError:
    """One thing that is wrong. `path` as kubectl writes it: `spec.scaling.maxReplicas`, `spec.jobTypes[1]`."""

    path: str
    message: str

    def __str__(self) -> str:
        """Path and message, as the API server would put it."""
        return f"{self.path}: {self.message}"


class SpecInvalid(ValueError):
    """The resource can't be read as a pool. Attribute `errors`: everything that is wrong, never only the first."""

    def __init__(self, errors: Sequence[SpecError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


def parse_pool(body: Mapping[str, Any]) -> Pool:
    """Read a pool, defaults filled in. Unknown fields are ignored, so that a newer CRD does no harm.

    Raises:
        SpecInvalid: Something is missing or not allowed, as by an older CRD than this operator's.
    """
    metadata = body.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    fields = {name: metadata[name] for name in _METADATA if name in metadata}
    fields |= {
        "deletingSince": parse_time(metadata.get("deletionTimestamp")),
        "hasFinalizer": FINALIZER in (metadata.get("finalizers") or ()),
        "orphaning": _ORPHAN in (metadata.get("finalizers") or ()),
        "override": (metadata.get("annotations") or {}).get(ANNOTATION_OVERRIDE),
        "spec": body.get("spec") or {},
    }
    try:
        return Pool.model_validate(fields)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise SpecInvalid([_spec_error(detail) for detail in details]) from None


def parse_doomed(body: Mapping[str, Any]) -> Pool:
    """The identity of a pool whose spec can't be read, with a spec that asks for nothing: enough to wind it up by.

    Its server is the one that it names, if that much can be read: where its runners may be left is to be told.

    Raises:
        SpecInvalid: Its metadata can't be read either, which the API server rules out.
    """
    spec = body.get("spec")
    server = spec.get("server") if isinstance(spec, Mapping) else None
    with suppress(SpecInvalid):
        return parse_pool({**body, "spec": {**_ASKS_FOR_NOTHING, "server": server}})
    return parse_pool({**body, "spec": _ASKS_FOR_NOTHING})


def _spec_error(detail: ErrorDetails) -> SpecError:
    # A message of pydantic's repeats nothing of the input, which might hold a password in a URL.
    return SpecError(_path(detail["loc"]), detail["msg"].removeprefix("Value error, "))


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for position, part in enumerate(location):
        if isinstance(part, int):
            path += f"[{part}]"
        elif position == 0:
            path = f"metadata.{part}" if part in _METADATA else part
        else:
            path += f".{part}"
    return path
