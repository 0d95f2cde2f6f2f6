"""What the server is able and told to do, as far as a plan depends on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """From the server's public configuration.

    Attributes:
        version: As the server tells it, such as `8.2.1`; for people.
        remote_job_types: Types of jobs for which remote runners are switched on.
        filters_by_type: It hands a runner only jobs of the types that the runner asks for (7.0 and later); before, any
            runner gets any job, whatever its `--enable-job` says.
    """

    version: str
    remote_job_types: frozenset[str]
    filters_by_type: bool
