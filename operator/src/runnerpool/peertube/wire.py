"""PeerTube's JSON, read with tolerance where servers differ and none where a wrong value could mislead.

Unknown fields, states and types are fine (the published OpenAPI document lags behind by one state and three types);
a missing field, a wrong type, a negative total or a time without a zone is not.
Sources: packages/models/src/runners of PeerTube 6.3 and 8.2; recordings of both.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from runnerpool.api.ownership import MAX_LENGTH
from runnerpool.api.reasons import Reason
from runnerpool.api.times import parse_time
from runnerpool.api.uuids import uuid_of
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.errors import InvalidResponse
from runnerpool.planning.jobs import Job

# Beyond 2^53, the server's own JavaScript could not count.
_LARGEST = 2**53
_Total = Annotated[int, Field(ge=0, le=_LARGEST)]
_Number = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
_Text = Annotated[str, Field(min_length=1, max_length=1000)]
# What an HTTP header can carry (RFC 6750: b64token is narrower still).
_Token = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


def _utc(moment: AwareDatetime) -> AwareDatetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _sendable(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("not sendable")
    return token


def _uuid(value: str) -> str:
    uuid = uuid_of(value)
    if uuid is None:
        raise ValueError("no UUID")
    return uuid


def _failures(value: Any) -> int:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST
    return value if known else 0


def _video(value: Any) -> str | None:
    return uuid_of(value.get("videoUUID")) if isinstance(value, Mapping) else None


# What jobs are told apart and called by, to people too: a text of any other shape is not PeerTube's.
_Uuid = Annotated[str, AfterValidator(_uuid)]
_Time = Annotated[AwareDatetime, AfterValidator(_utc)]
_SendableToken = Annotated[_Token, AfterValidator(_sendable)]


class _Wire(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class _State(_Wire):
    id: _Number


class _Parent(_Wire):
    uuid: _Uuid
    state: _State


class _Holder(_Wire):
    name: _Text


class WireJob(_Wire):
    """A runner job, without payload and progress, and of the private parts only the video.

    What serves explanations alone (start, failures, video) may be missing or odd: a plan does without it.
    """

    uuid: _Uuid
    type: _Text
    state: _State
    priority: _Number
    created_at: _Time
    updated_at: _Time
    parent: _Parent | None = None
    runner: _Holder | None = None
    started_at: Annotated[datetime | None, BeforeValidator(parse_time)] = None
    failures: Annotated[int, BeforeValidator(_failures)] = 0
    private_payload: Annotated[str | None, BeforeValidator(_video)] = None

    def job(self) -> Job:
        """The job as the planner knows it."""
        return Job(
            uuid=self.uuid,
            type=self.type,
            state=self.state.id,
            priority=self.priority,
            created=self.created_at,
            updated=self.updated_at,
            runner=self.runner.name if self.runner else None,
            started=self.started_at,
            failures=self.failures,
            video=self.private_payload,
            parent_uuid=self.parent.uuid if self.parent else None,
            parent_state=self.parent.state.id if self.parent else None,
        )


class WireJobs(_Wire):
    """A page of the job list; `total` is of all pages."""

    total: _Total
    data: tuple[WireJob, ...]


class WireRunner(_Wire):
    """A runner row. `version` came with 7.3; it is null for runners older than 0.2.0."""

    id: _Total
    name: _Text
    description: Annotated[str, Field(max_length=10_000)] | None = None
    last_contact: _Time | None = None
    version: _Text | None = None

    def account(self) -> RunnerAccount:
        """The row as the control layer knows it. A description too long for a mark of ours is let go: rows are kept."""
        description = self.description or ""
        return RunnerAccount(
            id=self.id,
            name=self.name,
            description=description if len(description) <= MAX_LENGTH else "",
            last_contact=self.last_contact,
            version=self.version,
        )


class WireRunners(_Wire):
    """A page of the runner list."""

    total: _Total
    data: tuple[WireRunner, ...]


class WireOAuthClient(_Wire):
    """The server's own OAuth client, which every login needs."""

    client_id: Annotated[str, Field(alias="client_id", min_length=1, max_length=1000)]
    client_secret: Annotated[_Token, Field(alias="client_secret")]


class WireTokens(_Wire):
    """A pair of tokens. `expires_in`: seconds that the access token lives (a day by default)."""

    access_token: Annotated[_SendableToken, Field(alias="access_token")]
    refresh_token: Annotated[_Token | None, Field(alias="refresh_token")] = None
    expires_in: Annotated[_Total, Field(alias="expires_in")]


class _RegistrationToken(_Wire):
    registration_token: _Token
    created_at: _Time


class WireRegistrationTokens(_Wire):
    """The registration tokens; one exists from the installation on."""

    data: tuple[_RegistrationToken, ...]


class WireRegistered(_Wire):
    """A runner that was just registered."""

    id: _Total
    runner_token: _Token


class _Switch(_Wire):
    enabled: bool = True


class _Work(_Wire):
    """One kind of work, and whether runners do it."""

    enabled: bool = True
    remote_runners: _Switch = _Switch()

    @property
    def remote(self) -> bool:
        return self.enabled and self.remote_runners.enabled


class _Live(_Wire):
    enabled: bool = True
    transcoding: _Work = _Work()


class WireConfig(_Wire):
    """The public configuration, as far as anybody asks (packages/models/src/server/server-config.model.ts).

    Attributes:
        storyboards: None before 8.0.
    """

    server_version: _Text
    transcoding: _Work = _Work()
    live: _Live = _Live()
    video_studio: _Work = _Work()
    video_transcription: _Work = _Work()
    storyboards: _Work | None = None


class WireProblem(_Wire):
    """An error's machine-readable code (RFC 9457 plus PeerTube's `code`); most errors have none."""

    code: str | None = None


_Model = TypeVar("_Model", bound=_Wire)


def decode(model: type[_Model], body: bytes, server: object) -> _Model:
    """Read a body as the model.

    Args:
        model: What it must be.
        body: What came.
        server: Who sent it, for the message.

    Raises:
        InvalidResponse: It is something else. The message repeats nothing of it.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError:
        # Not chained: it quotes the input.
        raise InvalidResponse(
            Reason.INVALID_RESPONSE,
            f"{server} answers something that PeerTube does not; check that the URL is that of a PeerTube server of "
            "version 6.3 or newer, and what a proxy before it answers",
        ) from None


def problem_code(body: bytes) -> str | None:
    """The code of an error's body; None if it has none, or is no such body."""
    try:
        return WireProblem.model_validate_json(body).code
    except ValidationError:
        return None
