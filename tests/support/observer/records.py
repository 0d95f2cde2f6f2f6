"""What the observer writes down, and what it finds. All times are wall time, in seconds since the epoch.

Wall time, because the API server's audit log, the simulated server's journal and the tests' own marks share it: all of
them run on one machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]


@unique
class Invariant(StrEnum):
    """What holds in every test, unless the test says why it does not."""

    CAP = "I1"
    """Pods that may take work never exceed `maxReplicas`, plus `maxSurge` while a rollout runs."""
    WORK_IS_SAFE = "I2"
    """The operator deletes no pod that runs; every drain order has a reason; none is cut short before its time."""
    UNKNOWN_IS_NOT_ZERO = "I3"
    """While the queue is unknown nothing is removed."""
    NO_SECRET = "I4"
    """No secret stands anywhere but in a Secret."""
    HONEST_STATUS = "I5"
    """The status tells a cause within 10 s, and its cure within 30 s."""
    QUIET = "I6"
    """In a steady state nothing is written, and the server is asked seldom."""
    BACK_TO_GOAL = "I7"
    """The number of pods is what it should be 60 s after the last disturbance."""
    NO_SPIN = "I8"
    """What fails is tried again patiently: a login 12 times in 10 minutes, a mere call 12 times in one."""


@unique
class Kind(StrEnum):
    POD = "Pod"
    POOL = "TranscodingRunnerPool"
    SECRET = "Secret"
    EVENT = "Event"


@unique
class Change(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of one object, as the API server told of it; of a Secret, its metadata alone.

    Attributes:
        at: when it was heard here.
        number: its resourceVersion. Numbers of all kinds come from one etcd, so they tell the order of all versions.
        listed: a list told of it, in no order of time, so that it is news only together with the others of the list.
        gap: and the stream was cut before, so that versions between may have been missed.
    """

    at: float
    kind: Kind
    change: Change
    number: int
    body: Json
    listed: bool = False
    gap: bool = False

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def uid(self) -> str:
        return str(self.body["metadata"]["uid"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One write that the API server, or a proxy before it, has answered.

    Attributes:
        user: who asked, as the API server knows it: `system:serviceaccount:<namespace>:<name>`.
        resource: plural, with the subresource if there is one: `pods`, `transcodingrunnerpools/status`.
        name: of the object; empty where the server makes it up.
        code: HTTP status of the answer; 0 if there was none.
    """

    at: float
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    code: int

    @property
    def failed(self) -> bool:
        return not 200 <= self.code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """One step of a job, from the simulated server's journal; causes as in `peers.peertube.journal.Cause`.

    Attributes:
        before, after: states of the job by PeerTube's numbers; None before its first step and after its last.
        runner: who held it; for an accept, who took it.
    """

    at: float
    job: str
    type: str
    cause: str
    before: int | None
    after: int | None
    runner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A look at the simulated server: its requests so far, by "METHOD /path/{template}" and status, and its runners."""

    at: float
    requests: Mapping[str, Mapping[str, int]]
    runners: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A cause that a test made, and what the pool is to say of it.

    Attributes:
        pool: the pool's name.
        reason: that one of its conditions must show.
        begin: when the cause was there.
        told_within: seconds after `begin`.
        cured: when the cause was gone; None if it stayed.
        healed_within: seconds after `cured` in which the reason goes from the conditions.
    """

    pool: str
    reason: str
    begin: float
    told_within: float
    cured: float | None
    healed_within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time; `end` is infinite until it is known."""

    begin: float
    end: float

    def overlaps(self, begin: float, end: float) -> bool:
        return self.begin <= end and begin <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Invariants that a test expects not to hold for a while, and why."""

    invariants: frozenset[Invariant]
    because: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Something that was written: a log, metrics, a line of an environment. `place` says where, for people."""

    place: str
    content: bytes


def text_of(file: Path) -> Text:
    """A file's content."""
    return Text(place=file.name, content=file.read_bytes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that did not hold, from `since` to `at`."""

    invariant: Invariant
    since: float
    at: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that was seen in one namespace.

    Attributes:
        operator: the operator's user name.
        begin, end: when the observer looked.
        versions: in the API server's order.
        calls: writes of everybody, in order of time; None where the cluster keeps no audit log.
        samples, steps: of the simulated server, in order of time; empty without one.
        calls_a_minute: how often the server may be asked in a steady state.
        sole: no other namespace's pools share the server.
        faults, suspensions, steady: what the test said.
        secrets: the values that must stand nowhere, by what they are.
        texts: where they are looked for, besides the versions.
    """

    namespace: str
    operator: str
    begin: float
    end: float
    versions: Sequence[Version] = ()
    calls: Sequence[ApiCall] | None = None
    samples: Sequence[Sample] = ()
    steps: Sequence[JobStep] = ()
    calls_a_minute: float = 6.0
    sole: bool = True
    faults: Sequence[Fault] = ()
    suspensions: Sequence[Suspension] = ()
    steady: Sequence[Span] = ()
    secrets: Mapping[str, str] | None = None
    texts: Sequence[Text] = ()

    def of(self, kind: Kind) -> list[Version]:
        return [version for version in self.versions if version.kind is kind]

    def suspended(self, invariant: Invariant, begin: float, end: float) -> bool:
        """A test has said that the invariant need not hold at some moment from `begin` to `end`."""
        spans = (suspension.span for suspension in self.suspensions if invariant in suspension.invariants)
        return any(span.overlaps(begin, end) for span in spans)

    def free_spans(self, invariant: Invariant) -> list[Span]:
        """The stretches of the observation in which the invariant must hold."""
        return gaps_between(
            (suspension.span for suspension in self.suspensions if invariant in suspension.invariants),
            Span(begin=self.begin, end=self.end),
        )

    def by_operator(self) -> list[ApiCall]:
        return [call for call in self.calls or () if call.user == self.operator]


def gaps_between(spans: Iterable[Span], whole: Span) -> list[Span]:
    """What is left of a stretch of time when others are cut out of it."""
    free, begin = [], whole.begin
    for span in sorted(spans, key=lambda span: span.begin):
        if span.begin > begin:
            free.append(Span(begin=begin, end=min(span.begin, whole.end)))
        begin = max(begin, span.end)
    if begin < whole.end:
        free.append(Span(begin=begin, end=whole.end))
    return [span for span in free if span.begin < span.end]
