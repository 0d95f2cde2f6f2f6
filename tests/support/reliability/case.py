"""What one fault test has to tell: which reason was shown, how long it took to tell, and how long to heal."""

import time
from dataclasses import dataclass

from support.observer import objects
from support.observer.observer import Observer
from support.observer.records import Fault, Json, Kind, Version

_EVERY_SECONDS = 0.05


class NotTold(AssertionError):
    """The pool does not say what it should. The message ends with what it says instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The reason that is being told, and of which pool."""

    namespace: str
    pool: str
    reason: str
    begin: float
    within: float


class Case:
    """The fixture `case`. Figures are seconds of real time.

        case.watch(observer, namespace)
        case.begins()                                # the cause is made now
        case.tells("SecretNotFound", within=10)      # waits until a condition of the pool shows it
        case.cured()                                 # the cause is gone now
        case.heals(within=30)                        # waits until it is shown no more, and Ready is True

    What is not told by a pool is reported by `told` and `healed`.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.tell: float | None = None
        self.heal: float | None = None
        self._observer: Observer | None = None
        self._namespace = ""
        self._begin = time.time()
        self._cured: float | None = None
        self._shown: _Shown | None = None

    def watch(self, observer: Observer, namespace: str) -> None:
        """See pools of a namespace with the eyes of an observer."""
        self._observer, self._namespace = observer, namespace

    def begins(self) -> None:
        """The cause is there from now on."""
        self._begin = time.time()

    def cured(self) -> None:
        """The cause is gone from now on."""
        self._cured = time.time()

    def told(self, reason: str, seconds: float | None = None) -> None:
        """Report what was shown, and how long after the cause; or, without a time, what was done."""
        self.reason, self.tell = reason, None if seconds is None else round(seconds, 2)

    def healed(self, seconds: float) -> None:
        """Report how long after the cure all was well."""
        self.heal = round(seconds, 2)

    def tells(self, reason: str, *, within: float = 10.0, pool: str = "vod", condition: str = "") -> Json:
        """Wait until the pool shows the reason, counted from `begins`; the condition that shows it.

        Args:
            reason: of the closed list.
            within: seconds after the cause.
            pool: its name.
            condition: the condition that is to show it; any, if empty.

        Raises:
            NotTold: the time is up.
        """
        self._shown = _Shown(namespace=self._namespace, pool=pool, reason=reason, begin=self._begin, within=within)
        while True:
            version = self._last(pool)
            found = _conditions(version, reason, condition)
            if version is not None and found:
                self.told(reason, max(0.0, version.at - self._begin))
                self._note(healed_within=0.0, cured=None)
                return found[0]
            if time.time() > self._begin + within:
                raise NotTold(f"pool {pool} did not show {reason} within {within:.0f} s; instead: {_says(version)}")
            time.sleep(_EVERY_SECONDS)

    def heals(self, *, within: float = 30.0, shows: str = "") -> None:
        """Wait until the reason last told is gone and the pool is Ready, counted from `cured`.

        Args:
            within: seconds after the cure.
            shows: a reason that one of its conditions is to show as well, such as `Steady` after a rollout.

        Raises:
            NotTold: the time is up.
        """
        if self._shown is None or self._cured is None:
            raise NotTold("nothing was told or cured yet; call `tells` and `cured` before `heals`")
        shown, cured = self._shown, self._cured
        while (since := self._well_since(shown, cured, shows)) is None:
            if time.time() > cured + within:
                said = _says(self._last(shown.pool))
                raise NotTold(f"pool {shown.pool} did not heal within {within:.0f} s; instead: {said}")
            time.sleep(_EVERY_SECONDS)
        if since > cured + within:
            raise NotTold(f"pool {shown.pool} healed after {since - cured:.1f} s, and not within {within:.0f} s")
        self.healed(since - cured)
        self._note(healed_within=within, cured=cured)

    def _well_since(self, shown: _Shown, cured: float, shows: str) -> float | None:
        """When the pool was first told well after the cure, if it has been so ever since."""
        since = None
        for version in reversed(self._versions(shown.pool)):
            if version.at < cured or not _well(version, shown.reason, shows):
                break
            since = version.at
        return since

    def _note(self, *, healed_within: float, cured: float | None) -> None:
        """Have the observer judge it, too."""
        assert self._shown is not None
        fault = Fault(
            pool=self._shown.pool,
            reason=self._shown.reason,
            begin=self._shown.begin,
            told_within=self._shown.within,
            cured=cured,
            healed_within=healed_within,
        )
        self._require().note(fault)

    def _versions(self, pool: str) -> list[Version]:
        versions = self._require().versions(self._namespace)
        return [version for version in versions if version.kind is Kind.POOL and version.name == pool]

    def _last(self, pool: str) -> Version | None:
        found = self._versions(pool)
        return found[-1] if found else None

    def _require(self) -> Observer:
        if self._observer is None:
            raise NotTold("the case has no observer to see with; call `watch` first")
        return self._observer


def _conditions(version: Version | None, reason: str, kind: str) -> list[Json]:
    """The pool's conditions that show the reason, about the spec as it is."""
    if version is None or not objects.shows(version.body, reason):
        return []
    conditions = version.body["status"]["conditions"]
    return [one for one in conditions if one["reason"] == reason and kind in {"", one["type"]}]


def _well(version: Version, reason: str, shows: str) -> bool:
    """What is told of an earlier spec tells nothing of this one."""
    body = version.body
    conditions = body.get("status", {}).get("conditions") or ()
    ready, generation = objects.condition(body, "Ready"), body["metadata"].get("generation", 0)
    return (
        reason not in {one["reason"] for one in conditions}
        and (ready.get("status"), ready.get("observedGeneration", generation)) == ("True", generation)
        and (not shows or objects.shows(body, shows))
    )


def _says(version: Version | None) -> str:
    if version is None:
        return "no such pool was seen"
    conditions = version.body.get("status", {}).get("conditions") or ()
    return ", ".join(f"{one['type']}={one['status']} {one['reason']}" for one in conditions) or "no conditions"
