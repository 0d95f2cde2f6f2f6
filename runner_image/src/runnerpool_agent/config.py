"""`agent.json`, the order sheet that the operator hands to the agent (contract `agent.runnerpool.dev/v1`)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from runnerpool_agent.trust import tls_context

API_VERSION = "agent.runnerpool.dev/v1"


class ConfigError(Exception):
    """The configuration can't be used. `problems` names every fault found, not the first one only."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{source}: {'; '.join(self.problems)}")


def _origin(url: str) -> str:
    """PeerTube lives at an origin; a path or a login in its address would be dropped or leaked by the runner."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an origin such as https://video.example.org")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be an origin (scheme, host, port) without path, query or login")
    return f"{parts.scheme}://{parts.netloc}"


def _certificates(pem: str) -> str:
    tls_context(pem)
    return pem


class _Model(BaseModel):
    """Unknown fields are ignored, so that a newer operator can talk to this agent."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        strict=True,
        hide_input_in_errors=True,
    )


class Server(_Model):
    """The PeerTube server.

    Attributes:
        url: The origin that the runner calls.
        ca: Certificates in PEM of authorities to trust besides the public ones; None if there are none.
    """

    url: Annotated[str, AfterValidator(_origin)]
    ca: Annotated[str, AfterValidator(_certificates)] | None = None


class RunnerIdentity(_Model):
    """The runner row that the operator registered for this pod, and nothing that opens more than it."""

    name: str = Field(min_length=1)
    token: SecretStr = Field(min_length=1)
    description: str = ""


class Ffmpeg(_Model):
    """Per FFmpeg process. `threads` None: the CPUs that the pod may run on, shared by its slots."""

    threads: int | None = Field(default=None, ge=1)
    nice: int = Field(default=0, ge=-20, le=20)


class Health(_Model):
    """Thresholds of health. The operator sends those that a pool can set; the others are at their defaults.

    Attributes:
        contact_drain_seconds: After so long without contact a runner with a job in hand is told to take no other one.
        deaf_tolerance_seconds: How long an idle runner may not look for jobs before the server is asked for some.
        stall_tolerance_seconds: How long a job may stand still in every respect before its runner counts as hung.
        refused_reports: Progress reports refused in a row that mean the job is no longer ours.
        scratch_bytes: The size limit of the scratch volume; None where it has none.
    """

    contact_drain_seconds: float = Field(default=45, gt=0)
    deaf_tolerance_seconds: float = Field(default=120, gt=0)
    stall_tolerance_seconds: float = Field(default=600, gt=0)
    refused_reports: int = Field(default=3, ge=1)
    scratch_bytes: int | None = Field(default=None, ge=1)


class AgentConfig(_Model):
    """All that the agent needs to know.

    Attributes:
        job_types: What the runner asks for, never empty: without a list the runner takes types unknown to it.
        concurrency: Slots: jobs that run at once.
        eviction_grace_seconds: The pod's grace period; what a drain begun by SIGTERM has until SIGKILL.
    """

    api_version: Literal["agent.runnerpool.dev/v1"]
    server: Server
    runner: RunnerIdentity
    job_types: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], ...] = Field(min_length=1, strict=False)
    concurrency: int = Field(default=1, ge=1)
    ffmpeg: Ffmpeg = Field(default_factory=Ffmpeg)
    eviction_grace_seconds: int = Field(ge=0)
    health: Health = Field(default_factory=Health)


def load(path: Path) -> AgentConfig:
    """Read and check the file.

    Raises:
        ConfigError: It can't be read, is no JSON object, or breaks the contract. Its text never quotes a value.
    """
    try:
        raw: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); is the pod's Secret there, with the key {path.name}?"
        raise ConfigError(str(path), [problem]) from error
    except json.JSONDecodeError as error:
        raise ConfigError(str(path), [f"is no JSON: {error.msg} (line {error.lineno})"]) from None
    except UnicodeDecodeError:
        raise ConfigError(str(path), ["is no UTF-8 text"]) from None
    return _parse(raw, str(path))


def _parse(raw: Any, source: str) -> AgentConfig:
    if not isinstance(raw, dict):
        raise ConfigError(source, ["must be a JSON object"])
    if raw.get("apiVersion") != API_VERSION:
        # The other fields of another version mean nothing to us, so their faults would only confuse.
        raise ConfigError(source, [f"apiVersion must be {API_VERSION}: use an image of the operator's release"])
    try:
        return AgentConfig.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise ConfigError(source, [_problem(detail) for detail in details]) from None


def _problem(detail: ErrorDetails) -> str:
    path = ".".join(str(part) for part in detail["loc"]) or "it"
    return f"{path}: {detail['msg'].removeprefix('Value error, ')}"
