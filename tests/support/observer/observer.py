"""An independent observer: sees what the operator does, shares no code with it, and judges it by eight invariants.

    with observe(cluster, [namespace], peertube=server) as observer:
        with observer.suspended(Invariant.HONEST_STATUS, because="the operator is dead"):
            ...

When the block ends, what was seen is judged; an invariant that did not hold fails the test.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import replace
from itertools import count
from pathlib import Path
from weakref import WeakKeyDictionary

from support.background import Background
from support.cluster.backends import ClusterBackend
from support.observer import apiserver, places
from support.observer.audit import AuditLog
from support.observer.judge import judge
from support.observer.records import ApiCall, Fault, History, Invariant, Span, Suspension, Text, Version
from support.observer.scope import Scope
from support.observer.server_watch import ObservedServer

OPERATOR_USER = "system:serviceaccount:runnerpool-system:runnerpool"

_opened = count()
_listeners: list[Callable[[Sequence[History]], None]] = []
# Who looks at each server now, observers of other clusters among them: its jobs are shared among all their pools.
_watchers: WeakKeyDictionary[ObservedServer, set[Scope]] = WeakKeyDictionary()


class InvariantBroken(AssertionError):
    """What was seen must not happen. The message lists it."""


class Observer:
    """Watches namespaces of one cluster, in one thread of its own, from the moment each is included.

    Args:
        cluster: as its administrator.
        operator_user: whose writes are judged.
        api_calls: tells the calls that never reached the API server, since a proxy before it answered them.
    """

    def __init__(
        self,
        cluster: ClusterBackend,
        *,
        operator_user: str = OPERATOR_USER,
        api_calls: Callable[[], Iterable[ApiCall]] | None = None,
    ) -> None:
        self.cluster = cluster
        self._operator_user = operator_user
        self._api_calls = api_calls
        log: Path | None = getattr(cluster, "audit_log", None)  # a user's own cluster tells none
        self._audit = AuditLog(log) if log is not None else None
        self._scopes: dict[str, Scope] = {}
        self._faults: list[Fault] = []
        self._suspensions: list[Suspension] = []
        self._steady: list[Span] = []
        self.calls_a_minute = 6.0
        next(_opened)
        self._ends = ExitStack()
        self._background = self._ends.enter_context(Background())
        self._http = apiserver.client(cluster.kubeconfig)

    @contextmanager
    def watching(self, namespace: str, peertube: ObservedServer | None = None) -> Iterator[None]:
        """Include a namespace, and the simulated server of its pools, for as long as the block runs."""
        # A secret of its server can have gone astray only in what was written from now on.
        scope = Scope(self._http, namespace, peertube, revision=places.revision(self.cluster))
        self._scopes[namespace] = scope
        with _sharing(peertube, scope):
            self._background.call(scope.start())
            try:
                yield
                self.look_around(namespace)
            finally:
                self._background.call(scope.stop())

    @contextmanager
    def suspended(self, *invariants: Invariant, because: str) -> Iterator[None]:
        """Invariants need not hold while the block runs, for a reason that the test can tell."""
        position, begin = len(self._suspensions), time.time()
        self.suspend(*invariants, because=because)
        try:
            yield
        finally:
            ended = Span(begin=begin, end=time.time())
            self._suspensions[position] = replace(self._suspensions[position], span=ended)

    def suspend(self, *invariants: Invariant, because: str) -> None:
        """The same from now to the end of the observation."""
        span = Span(begin=time.time(), end=math.inf)
        self._suspensions.append(Suspension(invariants=frozenset(invariants), because=because, span=span))

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Nothing changes while the block runs: not one write is allowed, and few calls to the server."""
        begin = time.time()
        yield
        self._steady.append(Span(begin=begin, end=time.time()))

    def note(self, fault: Fault) -> None:
        """A cause that the test has made, and what is to be said of it."""
        self._faults.append(fault)

    def keep(self, namespace: str, texts: Iterable[Text]) -> None:
        """Have secrets looked for in these, too: logs of processes, their metrics."""
        self._scopes[namespace].keep(texts)

    def look_around(self, namespace: str) -> None:
        """Keep what stands now in etcd, in processes and in metrics, so that secrets are looked for in it.

        Of etcd, what was written since the observation of the namespace began.
        """
        self.keep(namespace, self.look(namespace, since=self._scopes[namespace].revision))

    def look(self, namespace: str, *, since: int = 0) -> list[Text]:
        """What stands now in etcd, in processes and in the metrics of a namespace's pods and of the operator.

        What etcd has kept since before the revision `since` is left out.
        """
        return self._background.call(places.look(self._http, self.cluster, namespace, since=since))

    def versions(self, namespace: str) -> list[Version]:
        """All that was heard so far of a namespace."""
        return self._scopes[namespace].versions()

    @property
    def namespaces(self) -> list[str]:
        return list(self._scopes)

    def histories(self) -> list[History]:
        """What was seen, a namespace each."""
        return [self._history(scope) for scope in self._scopes.values()]

    def close(self) -> None:
        """End; what was seen stays."""
        self._background.call(self._http.aclose())
        self._ends.close()

    def _history(self, scope: Scope) -> History:
        return History(
            namespace=scope.namespace,
            operator=self._operator_user,
            begin=scope.begin,
            end=scope.end or time.time(),
            versions=scope.versions(),
            calls=self._calls(scope.namespace),
            samples=scope.server.samples if scope.server else (),
            steps=scope.server.steps if scope.server else (),
            calls_a_minute=self.calls_a_minute,
            sole=not scope.shared,
            faults=tuple(self._faults),
            suspensions=tuple(self._suspensions),
            steady=tuple(self._steady),
            secrets=scope.server.secrets if scope.server else None,
            texts=(*scope.texts, *scope.logs()),
        )

    def _calls(self, namespace: str) -> Sequence[ApiCall] | None:
        """What a proxy answered by itself is not in the audit log."""
        if self._audit is None:
            return None
        answered = (call for call in self._api_calls() if call.namespace == namespace) if self._api_calls else ()
        return sorted([*self._audit.calls(namespace), *answered], key=lambda call: call.at)


@contextmanager
def observe(
    cluster: ClusterBackend,
    namespaces: Sequence[str] = (),
    *,
    peertube: ObservedServer | None = None,
    operator_user: str = OPERATOR_USER,
    api_calls: Callable[[], Iterable[ApiCall]] | None = None,
) -> Iterator[Observer]:
    """Observe namespaces while the block runs, and judge what was seen when it ends.

    More namespaces, also with servers of their own, come in by `Observer.watching`.

    Raises:
        InvariantBroken: an invariant did not hold. If the block itself failed, that is only noted on its exception.
    """
    observer = Observer(cluster, operator_user=operator_user, api_calls=api_calls)
    try:
        with ExitStack() as stack:
            for namespace in namespaces:
                stack.enter_context(observer.watching(namespace, peertube))
            yield observer
    except BaseException as error:
        for line in told(observer):
            error.add_note(line)
        raise
    else:
        lines = told(observer)
        if lines:
            raise InvariantBroken("\n".join(lines))
    finally:
        for listener in _listeners:
            listener(observer.histories())
        observer.close()


@contextmanager
def every_observation(listener: Callable[[Sequence[History]], None]) -> Iterator[None]:
    """Have all that is observed by `observe` told when its observation ends, for as long as the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def _sharing(server: ObservedServer | None, scope: Scope) -> Iterator[None]:
    """Note for each scope whether others looked at its server at the same time."""
    if server is None:
        yield
        return
    watchers = _watchers.setdefault(server, set())
    watchers.add(scope)
    if len(watchers) > 1:
        for watcher in watchers:
            watcher.shared = True
    try:
        yield
    finally:
        watchers.discard(scope)


def opened() -> int:
    """How many observers this process has made."""
    return next(copy(_opened))


def told(observer: Observer) -> list[str]:
    """All that did not hold, a line each; seconds count from the begin of the observation."""
    lines = []
    for history in observer.histories():
        for found in judge(history):
            seconds = f"{found.since - history.begin:.1f} s to {found.at - history.begin:.1f} s"
            lines.append(f"{found.invariant} ({found.invariant.name}) in {history.namespace}, {seconds}: {found.what}")
    return lines
