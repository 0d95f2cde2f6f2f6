"""What `/metrics` tells. Labels are bounded: namespace, pool, server's host and closed lists; never a pod or a job."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

import runnerpool
from runnerpool.api.conditions import Condition
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Plan
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod
from runnerpool.planning.stuck import StuckCause, StuckJob

_POOL = ("namespace", "pool")
_STATUSES: Mapping[str, bool | None] = {"true": True, "false": False, "unknown": None}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)

_RECLAIM_SECONDS = (1, 2.5, 5, 10, 20, 30, 60, 90, 120, 150, 180, 300, 600)


class Metrics:
    """All series of the operator, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._per_pool: list[MetricWrapperBase] = []
        self._make_pod_series()
        self._make_queue_series()
        self._make_pass_series()
        self._make_peertube_series()
        self._make_process_series()

    def _make_pod_series(self) -> None:
        self._desired = self._gauge("runnerpool_desired_replicas", "Pods that should be able to take work.")
        self._replicas = self._gauge("runnerpool_replicas", "Runner pods by state.", "state")
        self._updated = self._gauge(
            "runnerpool_pool_updated_replicas", "Pods that may take work and are as the present spec asks."
        )
        self._limits = self._gauge("runnerpool_replicas_limit", "The pool's bounds.", "bound")
        self._failed = self._counter(
            "runnerpool_pods_failed_total", "Pods that failed or were given up as sick.", "cause"
        )
        self._unhealthy = self._gauge("runnerpool_unhealthy_replicas", "Pods that look sick.")
        self._lost_work = self._counter(
            "runnerpool_lost_work_seconds_total",
            "Encoding that came to nothing in pods that have ended, by cause.",
            "cause",
        )

    def _make_queue_series(self) -> None:
        self._jobs = self._gauge("runnerpool_queue_jobs", "Jobs of the pool's types by state.", "state")
        self._oldest = self._gauge("runnerpool_queue_oldest_pending_seconds", "Age of the oldest pending job.")
        self._known = self._gauge("runnerpool_queue_known", "1 if the server's queue could be read, else 0.")
        self._complete = self._gauge("runnerpool_queue_complete", "0 if the queue figures are 'at least', else 1.")
        self._stuck = self._gauge("runnerpool_queue_stuck_jobs", "Jobs of the pool's types that do not move.", "cause")
        self._stuck_oldest = self._gauge(
            "runnerpool_queue_stuck_oldest_seconds", "How long the longest of them has not moved.", "cause"
        )
        self._reclaim_seconds = self._histogram(
            "runnerpool_reclaim_duration_seconds",
            "From the end of a pod to when a job of it is seen pending, or in other hands. Of a job that the server "
            "had taken from a pod that still lived: from the last sign of life that the server had of it there.",
            "way",
            buckets=_RECLAIM_SECONDS,
        )

    def _make_pass_series(self) -> None:
        self._conditions = self._gauge(
            "runnerpool_pool_condition", "The pool's conditions: 1 for the status that holds, else 0.", "type", "status"
        )
        self._steps = self._counter("runnerpool_steps_total", "Steps carried out.", "step", "reason")
        self._passes = self._counter("runnerpool_passes_total", "Passes of observe, plan, act, report.", "result")
        self._pass_seconds = self._histogram("runnerpool_pass_duration_seconds", "Length of a pass.", buckets=_SECONDS)

    def _make_peertube_series(self) -> None:
        self._peertube = Counter(
            "runnerpool_peertube_requests_total",
            "Calls to PeerTube servers.",
            ("server", "operation", "code"),
            registry=self.registry,
        )
        self._peertube_seconds = Histogram(
            "runnerpool_peertube_request_duration_seconds",
            "Length of a call to a PeerTube server.",
            ("server", "operation"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._logins = Counter(
            "runnerpool_peertube_logins_total",
            "Logins to PeerTube servers.",
            ("server", "result"),
            registry=self.registry,
        )
        self._per_server = (self._peertube, self._peertube_seconds, self._logins)

    def _make_process_series(self) -> None:
        registry = self.registry
        self._kube = Counter(
            "runnerpool_operator_kube_requests_total",
            "Calls to the API server, kopf's watches not counted.",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self._kube_seconds = Histogram(
            "runnerpool_operator_kube_request_duration_seconds",
            "Length of a call to the API server.",
            ("verb", "resource"),
            registry=registry,
            buckets=_SECONDS,
        )
        self.watch_restarts = Counter(
            "runnerpool_operator_watch_restarts", "Times that the watches ended by a fault.", registry=registry
        )
        self.leader = Gauge(
            "runnerpool_operator_leader", "1 if this replica acts, 0 if it stands by for another.", registry=registry
        )
        self.loop_lag = Gauge(
            "runnerpool_operator_event_loop_lag_seconds", "How late the event loop is.", registry=registry
        )
        info = Gauge("runnerpool_build_info", "1, labelled with the version.", ("version",), registry=registry)
        info.labels(runnerpool.__version__).set(1)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        gauge = Gauge(name, text, (*_POOL, *labels), registry=self.registry)
        self._per_pool.append(gauge)
        return gauge

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        counter = Counter(name, text, (*_POOL, *labels), registry=self.registry)
        self._per_pool.append(counter)
        return counter

    def _histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        histogram = Histogram(name, text, (*_POOL, *labels), registry=self.registry, buckets=buckets)
        self._per_pool.append(histogram)
        return histogram

    def pass_done(self, key: tuple[str, str], result: str, seconds: float) -> None:
        """One pass of a pool ended. `result`: success, conflict, error."""
        self._passes.labels(*key, result).inc()
        self._pass_seconds.labels(*key).observe(seconds)

    def step_done(self, key: tuple[str, str], step: str, reason: Reason) -> None:
        """One step was carried out."""
        self._steps.labels(*key, step, str(reason)).inc()

    def pods_failed(self, key: tuple[str, str], causes: Iterable[FailureCause]) -> None:
        """Pods that were found failed, or given up as sick: a cause for each."""
        for cause in causes:
            self._failed.labels(*key, str(cause)).inc()

    def planned(self, snapshot: PoolSnapshot, plan: Plan) -> None:
        """The state that a pass saw, and what it decided."""
        pool = snapshot.pool
        key = (pool.namespace, pool.name)
        self._desired.labels(*key).set(plan.desired)
        self._limits.labels(*key, "min").set(pool.spec.scaling.min_replicas)
        self._limits.labels(*key, "max").set(pool.spec.scaling.max_replicas)
        for state, count in _counts(snapshot.pods, set(plan.busy)).items():
            self._replicas.labels(*key, state).set(count)
        self._updated.labels(*key).set(plan.updated)
        self._unhealthy.labels(*key).set(len(plan.sick))
        self._known.labels(*key).set(isinstance(snapshot.queue, QueueKnown))
        if isinstance(snapshot.queue, QueueKnown):
            self._queue(key, snapshot.queue, snapshot.now)

    def lost_work(self, key: tuple[str, str], cause: str, seconds: int) -> None:
        """Encoding came to nothing in a pod that has ended."""
        self._lost_work.labels(*key, cause).inc(seconds)

    def stuck_found(self, key: tuple[str, str], stuck: Iterable[StuckJob], now: datetime) -> None:
        """The jobs that a pass found stuck."""
        ages: dict[StuckCause, list[float]] = {cause: [] for cause in StuckCause}
        for one in stuck:
            ages[one.cause].append((now - one.job.updated).total_seconds())
        for cause, seconds in ages.items():
            self._stuck.labels(*key, str(cause)).set(len(seconds))
            self._stuck_oldest.labels(*key, str(cause)).set(max(seconds, default=0))

    def reclaimed(self, key: tuple[str, str], way: str, seconds: float) -> None:
        """A job of a pod that ended is back in the queue, or in other hands."""
        self._reclaim_seconds.labels(*key, way).observe(seconds)

    def conditions_found(self, key: tuple[str, str], conditions: Iterable[Condition]) -> None:
        """What a pass found; a condition that it did not judge stays as it was, as in the pool's status."""
        for condition in conditions:
            for word, status in _STATUSES.items():
                self._conditions.labels(*key, str(condition.type), word).set(condition.status is status)

    def _queue(self, key: tuple[str, str], queue: QueueKnown, now: datetime) -> None:
        self._jobs.labels(*key, "pending").set(queue.pending)
        self._jobs.labels(*key, "processing").set(queue.processing)
        self._jobs.labels(*key, "completing").set(queue.completing)
        self._jobs.labels(*key, "waiting_for_parent").set(queue.waiting_for_parent)
        self._complete.labels(*key).set(queue.complete)
        oldest = queue.oldest_pending_time
        self._oldest.labels(*key).set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)

    def forget(self, key: tuple[str, str]) -> None:
        """The pool has gone: its series vanish."""
        for metric in self._per_pool:
            metric.remove_by_labels({"namespace": key[0], "pool": key[1]})

    def forget_server(self, server: str) -> None:
        """No pool uses the server any more: its series vanish."""
        for metric in self._per_server:
            metric.remove_by_labels({"server": server})

    def peertube_request(self, server: str, operation: str, code: str, seconds: float) -> None:
        """One call to a PeerTube server. `code`: the HTTP status, or a word for why there is none."""
        self._peertube.labels(server, operation, code).inc()
        self._peertube_seconds.labels(server, operation).observe(seconds)

    def peertube_login(self, server: str, result: str) -> None:
        """One login. `result`: success, or the reason of the failure."""
        self._logins.labels(server, result).inc()

    def kube_request(self, verb: str, resource: str, code: str, seconds: float) -> None:
        """One call to the API server. `code`: the HTTP status, or `error`."""
        self._kube.labels(verb, resource, code).inc()
        self._kube_seconds.labels(verb, resource).observe(seconds)


def _counts(pods: Iterable[RunnerPod], busy: set[str]) -> dict[str, int]:
    counts = dict.fromkeys(("gated", "starting", "idle", "busy", "draining", "ended"), 0)
    for pod in pods:
        counts[_state(pod, busy)] += 1
    return counts


def _state(pod: RunnerPod, busy: set[str]) -> str:
    if not pod.unfinished:
        return "ended"
    if not pod.may_take_work:
        return "draining"
    if pod.stage is PodStage.READY:
        return "busy" if pod.name in busy else "idle"
    return str(pod.stage)
