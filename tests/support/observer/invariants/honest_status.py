"""I5: the status tells a cause within 10 s, about the spec as it is, and lets go of it within 30 s of the cure."""

from collections.abc import Iterator

from support.observer import objects
from support.observer.records import (
    Change,
    Fault,
    History,
    Invariant,
    Json,
    Kind,
    Span,
    Version,
    Violation,
    gaps_between,
)

TOLD_SECONDS = 10.0
HEALED_SECONDS = 30.0
# From the API server's clock to the moment in which a version is heard here.
_SLACK_SECONDS = 1.0
_SECRET_MISSING = "SecretNotFound"


def check(history: History) -> list[Violation]:
    pools: dict[str, list[Version]] = {}
    for version in history.of(Kind.POOL):
        pools.setdefault(version.uid, []).append(version)
    found = [violation for fault in history.faults for violation in _fault(history, fault)]
    for versions in pools.values():
        found += [*_generations(history, versions), *_missing_secret(history, versions)]
    return found


def _fault(history: History, fault: Fault) -> Iterator[Violation]:
    """A cause that the test has made is told, and no longer told once it is gone."""
    versions = [version for version in history.of(Kind.POOL) if version.name == fault.pool]
    if not versions:
        return  # a pool of another namespace
    due = fault.begin + fault.told_within + _SLACK_SECONDS
    told = any(objects.shows(state, fault.reason) for state in _states(versions, fault.begin, due))
    if not told and history.end >= due:
        what = f"pool {fault.pool} did not tell {fault.reason} within {fault.told_within:.0f} s"
        yield _violation(fault.begin, due, what)
    if fault.cured is None:
        return
    due = fault.cured + fault.healed_within + _SLACK_SECONDS
    healed = any(not objects.shows(state, fault.reason) for state in _states(versions, fault.cured, due))
    if not healed and history.end >= due:
        what = f"pool {fault.pool} still told {fault.reason} {fault.healed_within:.0f} s after the cure"
        yield _violation(fault.cured, due, what)


def _states(versions: list[Version], begin: float, end: float) -> list[Json]:
    """What a reader could have seen of the pool between two moments."""
    before = [version.body for version in versions if version.at <= begin][-1:]
    return before + [version.body for version in versions if begin < version.at <= end]


def _generations(history: History, versions: list[Version]) -> Iterator[Violation]:
    """A changed spec is taken note of. The first one is not judged: nobody says when the operator came."""
    seen = versions[0].body["metadata"].get("generation", 0)
    for version in versions:
        generation = version.body["metadata"].get("generation", 0)
        if generation == seen:
            continue
        seen = generation
        due = version.at + TOLD_SECONDS + _SLACK_SECONDS
        states = _states(versions, version.at, due)
        noted = any(state.get("status", {}).get("observedGeneration", 0) >= generation for state in states)
        gone = any(objects.going(state) for state in states)
        changed_again = any(state["metadata"].get("generation", 0) > generation for state in states)
        met_before = _noted_anything(versions, version.at)
        if met_before and history.end >= due and not (noted or gone or changed_again):
            yield _violation(version.at, due, f"pool {version.name}: generation {generation} was not taken note of")


def _noted_anything(versions: list[Version], at: float) -> bool:
    return any("observedGeneration" in version.body.get("status", {}) for version in versions if version.at <= at)


def _missing_secret(history: History, versions: list[Version]) -> Iterator[Violation]:
    """A cause that the observer sees for itself: the Secret that the pool names is not there."""
    first = next((version.at for version in versions if "observedGeneration" in version.body.get("status", {})), None)
    deleted = [v.at for v in versions if v.change is Change.DELETED or objects.going(v.body)]
    if first is None:
        return
    pool, name = versions[0].name, _login_of(versions[0].body)
    whole = Span(begin=first, end=min([*deleted, history.end]))
    missing = _absent(history, name, whole)
    for span in missing:
        due = span.begin + TOLD_SECONDS + _SLACK_SECONDS
        states = _states(versions, span.begin, due)
        if span.end >= due and all(objects.condition(state, "Ready").get("status") != "False" for state in states):
            yield _violation(span.begin, due, f"pool {pool} does not tell that Secret {name} is missing")
    for back in gaps_between(missing, whole):
        due = back.begin + HEALED_SECONDS + _SLACK_SECONDS
        states = _states(versions, back.begin, due)
        if back.end >= due and all(_misses(state, name) for state in states):
            yield _violation(back.begin, due, f"pool {pool} still tells that Secret {name} is missing")


def _login_of(pool: Json) -> str:
    """Name of the Secret that it names; empty if it names none."""
    return str(pool["spec"].get("server", {}).get("credentialsRef", {}).get("name", ""))


def _misses(pool: Json, name: str) -> bool:
    return _login_of(pool) == name and objects.shows(pool, _SECRET_MISSING)


def _absent(history: History, name: str, whole: Span) -> list[Span]:
    present: list[Span] = []
    since: float | None = None
    for version in history.of(Kind.SECRET):
        if version.name != name:
            continue
        if version.change is Change.DELETED and since is not None:
            present.append(Span(begin=since, end=version.at))
            since = None
        elif version.change is not Change.DELETED and since is None:
            since = version.at
    if since is not None:
        present.append(Span(begin=since, end=history.end))
    return gaps_between(present, whole)


def _violation(since: float, at: float, what: str) -> Violation:
    return Violation(invariant=Invariant.HONEST_STATUS, since=since, at=at, what=what)
