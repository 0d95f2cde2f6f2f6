"""Where calls to servers are counted. `runnerpool.metrics` fulfils it; the two don't know each other."""

from enum import StrEnum
from typing import Protocol


class Operation(StrEnum):
    """What a call is for: a closed list, fit for a metric's label."""

    CONFIG = "config"
    OAUTH_CLIENT = "oauth_client"
    LOGIN = "login"
    CHANGE_MARK = "change_mark"
    LIST_JOBS = "list_jobs"
    LIST_RUNNERS = "list_runners"
    REGISTRATION_TOKEN = "registration_token"  # noqa: S105 - a name
    REGISTER = "register"
    DELETE_RUNNER = "delete_runner"
    CANCEL_JOB = "cancel_job"
    DELETE_JOB = "delete_job"
    TRANSCODE_VIDEO = "transcode_video"


class Telemetry(Protocol):
    """Counts calls and logins. `server` is the public host."""

    def peertube_request(self, server: str, operation: str, code: str, seconds: float) -> None:
        """One call. `code`: the HTTP status, or the reason why there is none."""

    def peertube_login(self, server: str, result: str) -> None:
        """One login or renewal of it. `result`: success, or the reason of the failure."""


class NoTelemetry:
    """Counts nothing."""

    def peertube_request(self, server: str, operation: str, code: str, seconds: float) -> None:
        """Ignore the call."""

    def peertube_login(self, server: str, result: str) -> None:
        """Ignore the login."""
