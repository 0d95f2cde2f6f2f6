"""I6: nothing is written when nothing changes.

Three ways of looking: in stretches that a test calls steady, not one write and few calls to the server; a write of the
status that changes nothing is none too many; and writes that nothing has given cause to are few.
"""

from collections import Counter
from collections.abc import Iterator

from support.observer.records import Change, History, Invariant, Kind, Sample, Span, Version, Violation

# What the operator alone asks of a server; runners have calls of their own.
OPERATOR_ROUTES = (
    "GET /api/v1/runners",
    "GET /api/v1/runners/jobs",
    "GET /api/v1/runners/registration-tokens",
    "GET /api/v1/config",
    "POST /api/v1/users/token",
    "GET /api/v1/oauth-clients/local",
)
# A retry after an answer that was lost, and a call at the very begin of the observation.
_VAIN_WRITES = 2
_CAUSE_SECONDS = 15.0
_WINDOW_SECONDS = 300.0
# Tolerances run out by themselves: a pod that is unready for too long changes the status with nothing to be seen.
_UNCAUSED_WRITES = 3
_SAMPLING_CALLS = 1


def check(history: History) -> list[Violation]:
    return [*_steady_writes(history), *_steady_calls(history), *_vain_writes(history), *_uncaused_writes(history)]


def _steady_writes(history: History) -> Iterator[Violation]:
    for span in history.steady:
        calls = [call for call in history.by_operator() if span.overlaps(call.at, call.at)]
        if calls:
            kinds = Counter(f"{call.verb} {call.resource}" for call in calls)
            told = ", ".join(f"{count} times {kind}" for kind, count in kinds.items())
            yield _violation(span, f"the operator wrote in a steady state: {told}")


def _steady_calls(history: History) -> Iterator[Violation]:
    for span in history.steady:
        samples = [sample for sample in history.samples if span.overlaps(sample.at, sample.at)]
        if len(samples) > 1:
            minutes = (samples[-1].at - samples[0].at) / 60
            calls = _asked(samples[-1]) - _asked(samples[0])
            if calls > history.calls_a_minute * minutes + _SAMPLING_CALLS:
                yield _violation(span, f"the server was asked {calls} times in {minutes:.1f} minutes of a steady state")


def _asked(sample: Sample) -> int:
    return sum(sum(sample.requests.get(route, {}).values()) for route in OPERATOR_ROUTES)


def _vain_writes(history: History) -> Iterator[Violation]:
    """A write that changes nothing makes no version, so more writes than versions are writes in vain."""
    writes = Counter(
        call.name
        for call in history.by_operator()
        if not call.failed and call.resource.startswith("transcodingrunnerpools") and call.at >= history.begin
    )
    for pool, count in writes.items():
        versions = [version for version in history.of(Kind.POOL) if version.name == pool]
        changes = [version for version in versions if version.change is not Change.ADDED]
        if count > len(changes) + _VAIN_WRITES and not any(version.gap for version in versions):
            what = f"pool {pool} was written to {count} times, and changed {len(changes)} times"
            yield _violation(Span(begin=history.begin, end=history.end), what)


def _uncaused_writes(history: History) -> Iterator[Violation]:
    causes = sorted(_causes(history))
    writes = [
        call.at
        for call in history.by_operator()
        if not call.failed
        and call.resource.startswith(("transcodingrunnerpools", "events"))
        and not any(call.at - _CAUSE_SECONDS <= cause <= call.at + 1 for cause in causes)
        and not history.suspended(Invariant.QUIET, call.at - _CAUSE_SECONDS, call.at)
    ]
    for first, last in zip(writes, writes[_UNCAUSED_WRITES:], strict=False):
        if last - first <= _WINDOW_SECONDS:
            what = f"{_UNCAUSED_WRITES + 1} writes in {last - first:.0f} s with no cause to be seen"
            yield _violation(Span(begin=first, end=last), what)
            return


def _causes(history: History) -> Iterator[float]:
    """Whenever something has changed that a status may tell of."""
    yield history.begin
    for version in history.versions:
        if version.kind in {Kind.POD, Kind.SECRET}:
            yield version.at
    yield from _orders_of_authors(history.of(Kind.POOL))
    yield from (step.at for step in history.steps)
    for earlier, later in zip(history.samples, history.samples[1:], strict=False):
        if earlier.runners != later.runners or later.at - earlier.at > _CAUSE_SECONDS:
            yield later.at
    for fault in history.faults:
        yield fault.begin
        yield from () if fault.cured is None else (fault.cured,)


def _orders_of_authors(versions: list[Version]) -> Iterator[float]:
    known: dict[str, tuple[object, ...]] = {}
    for version in versions:
        metadata = version.body["metadata"]
        gone = version.change is Change.DELETED
        told = (metadata.get("generation"), metadata.get("annotations"), metadata.get("labels"), gone)
        if known.get(version.uid) != told:
            yield version.at
        known[version.uid] = told


def _violation(span: Span, what: str) -> Violation:
    return Violation(invariant=Invariant.QUIET, since=span.begin, at=span.end, what=what)
