"""Bounded building blocks of the resource's types. The CRD repeats each bound, and a test compares them."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator

from runnerpool.api.job_types import JOB_TYPES
from runnerpool.api.names import MAX_POOL_NAME_LENGTH
from runnerpool.api.origin import parse_origin
from runnerpool.api.quantity import parse_quantity

SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
SECRET_KEY = r"^[-._a-zA-Z0-9]+$"  # noqa: S105
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
IMAGE = r"^[!-~]+$"

MAX_URL_LENGTH = 300
MAX_REPLICAS = 1000
MAX_THREADS = 1024
MAX_THREADS_PER_CPU = 4
"""More FFmpeg threads for each CPU of the limit can only be a slip: they would wait for one another."""


def _formed(pattern: str, message: str) -> AfterValidator:
    """Text of this form; the message, which the CRD repeats, says what to write instead."""
    expression = re.compile(pattern, re.ASCII)

    def judge(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(message)
        return text

    return AfterValidator(judge)


def _origin(text: str) -> str:
    parse_origin(text)
    return text


def _quantity(value: Any) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be text or a whole number, such as 500m or 4")  # noqa: TRY004 - pydantic takes ValueError
    parse_quantity(value)
    return value


def _threads(value: Any) -> int | Literal["Auto"]:
    if value == "Auto":
        return "Auto"
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_THREADS:
        raise ValueError(f"must be Auto or a whole number from 1 to {MAX_THREADS}")
    return value


def _pool_name(name: str) -> str:
    if not 0 < len(name) <= MAX_POOL_NAME_LENGTH:
        raise ValueError(f"must not be longer than {MAX_POOL_NAME_LENGTH} characters, as the names of pods add to it")
    return name


def _job_type(name: str) -> str:
    if name not in JOB_TYPES:
        raise ValueError(f"is not a job type that a runner can take; use some of {', '.join(JOB_TYPES)}")
    return name


def _job_types(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("must name at least one job type")
    if len(set(names)) < len(names):
        raise ValueError("must not name a job type twice")
    return names


PoolName = Annotated[str, AfterValidator(_pool_name)]
Url = Annotated[str, Field(max_length=MAX_URL_LENGTH), AfterValidator(_origin)]
Quantity = Annotated[str | int, PlainValidator(_quantity)]
Threads = Annotated[int | Literal["Auto"], PlainValidator(_threads)]
JobTypes = Annotated[
    tuple[Annotated[str, AfterValidator(_job_type)], ...],
    Field(strict=False, max_length=len(JOB_TYPES)),
    AfterValidator(_job_types),
]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    _formed(
        SUBDOMAIN,
        "must be a name as Kubernetes' objects have: lower-case letters, digits, - and ., such as peertube-admin",
    ),
]
SecretKey = Annotated[
    str,
    Field(min_length=1, max_length=253),
    _formed(SECRET_KEY, "must be a key as Secrets have: letters, digits, -, _ and ., such as ca.crt"),
]
EnvName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    _formed(ENV_NAME, "must be letters, digits and _, with no digit first, such as MY_SETTING"),
]
Image = Annotated[
    str,
    Field(min_length=1, max_length=512),
    _formed(IMAGE, "must be the name of an image, without blanks, such as registry.example.org/peertube-runner:1.0"),
]
Count = Annotated[int, Field(ge=0, le=MAX_REPLICAS)]
LabelValue = Annotated[str, Field(max_length=63)]
AnnotationValue = Annotated[str, Field(max_length=4096)]
