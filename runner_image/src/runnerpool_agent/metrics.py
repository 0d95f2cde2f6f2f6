"""The agent's metrics. No job, token or pod name in a label: the scrape knows the pod, and labels are closed."""

from collections.abc import Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Info, generate_latest

from runnerpool_agent.causes import LossCause, RestartCause, Trouble
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.termination import ExitCode

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER_TYPE = "other"
_PREFIX = "runnerpool_agent"


class Metrics:
    """All series, made at zero from the start, so that a rate over the first event is not lost."""

    def __init__(self, version: str, job_types: Iterable[str], slots: int) -> None:
        self.registry = CollectorRegistry()
        self._types = frozenset(job_types)
        self._make_gauges(version, slots)
        self._make_counters()

    def _make_gauges(self, version: str, slots: int) -> None:
        self._info = Info(_PREFIX, "Versions of the agent and of the runner.", registry=self.registry)
        self._info.info({"version": version, "runner_version": ""})
        self.version = version
        self.jobs_in_hand = self._gauge("jobs_in_hand", "Jobs that the runner is working on.")
        self.draining = self._gauge("draining", "1 from the order to drain or abort until the end.")
        self.ready = self._gauge("ready", "1 while the pod would take a job if it had a free slot.")
        self.startup_seconds = self._gauge("startup_seconds", "From the agent's start until the runner was up.")
        self._gauge("slots", "Jobs that may run at once.").set(slots)
        self._causes = Gauge(f"{_PREFIX}_cause", "1 for what is wrong now.", ["cause"], registry=self.registry)
        self.show_causes(())

    def _make_counters(self) -> None:
        self.ping_failures = self._counter("ping_failures_total", "Unanswered calls to the server's ping.")
        self._restarts = self._counter("runner_restarts_total", "Runner processes replaced, by cause.", "cause")
        self._lost = self._counter("lost_seconds_total", "Seconds spent on jobs in vain, by cause.", "cause")
        self._starts = self._counter("job_starts_total", "Jobs begun.", "type")
        self._ends = self._counter("job_ends_total", "Jobs ended, by how.", "type", "outcome")
        self._drains = self._counter("drains_total", "Drains ended, by exit.", "outcome")
        for job_type in (*self._types, OTHER_TYPE):
            self._starts.labels(job_type)
            for outcome in Outcome:
                self._ends.labels(job_type, outcome.value)
        for restart in RestartCause:
            self._restarts.labels(restart.value)
        for loss in LossCause:
            self._lost.labels(loss.value)
        for code in (ExitCode.DRAINED, ExitCode.DRAIN_CUT, ExitCode.RUNNER_FAILED, ExitCode.UNREGISTERED):
            self._drains.labels(code.name.lower())

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def runner_version(self, version: str) -> None:
        """The runner has told its version."""
        self._info.info({"version": self.version, "runner_version": version})

    def job_started(self, job_type: str) -> None:
        """A job was begun."""
        self._starts.labels(self._label(job_type)).inc()

    def job_ended(self, job_type: str, outcome: Outcome) -> None:
        """A job ended."""
        self._ends.labels(self._label(job_type), outcome.value).inc()

    def drain_ended(self, code: ExitCode) -> None:
        """The drain is over; the process ends in a moment."""
        self._drains.labels(code.name.lower()).inc()

    def runner_restarted(self, cause: RestartCause) -> None:
        """A runner process is replaced."""
        self._restarts.labels(cause.value).inc()

    def work_lost(self, cause: LossCause, seconds: float) -> None:
        """A job did not end well after so long."""
        self._lost.labels(cause.value).inc(seconds)

    def show_causes(self, present: Collection[Trouble]) -> None:
        """What is wrong at this moment."""
        for cause in Trouble:
            self._causes.labels(cause.value).set(cause in present)

    def exposition(self) -> bytes:
        """All series in Prometheus' text format."""
        return generate_latest(self.registry)

    def _label(self, job_type: str) -> str:
        return job_type if job_type in self._types else OTHER_TYPE
