"""What the API server's refusals mean to us. HTTP codes become these errors here, and only here."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from runnerpool.api.reasons import Reason

LONGEST_WAIT_SECONDS = 30.0
"""A longer wish of the API server is cut to this, as half a minute after a cure all is to be well. Its own are of a few
seconds."""


class ClusterError(Exception):
    """A call to the API server failed.

    Attributes:
        reason: From the closed list.
        message: Cause and remedy; quotes the API server only where it speaks of our own object.
        retry_after: Seconds before which another call is pointless; None if nobody said.
    """

    retry_after: float | None = None

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class NotFound(ClusterError):
    """The object is not there."""


class AlreadyExists(ClusterError):
    """An object of that name is there already."""


class NameCollision(ClusterError):
    """An object of that name is there already, and it is not ours."""


class Conflict(ClusterError):
    """The object has changed since it was read, or is not the one that was meant (uid precondition)."""


class Refused(ClusterError):
    """The request will be refused again until somebody changes something: quota, Pod Security, rights, validity."""


class NotLeading(ClusterError):
    """The write was not sent: another replica may be the one that acts."""


class Unavailable(ClusterError):
    """No usable answer: refused connection, timeout, 429, 5xx. Trying again later is right."""

    def __init__(self, reason: Reason, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason, message)
        self.retry_after = retry_after


_MAX_MESSAGE_LENGTH = 300


def _refusal(code: int, text: str, causes: Sequence[Mapping[str, Any]], what: str) -> ClusterError:
    """The kinds of 403 that look alike, and the two of invalid objects.

    But for the namespace's end they are told apart by the message, as the API server gives them no code of their own
    (seen on 1.37).
    """
    said = text[:_MAX_MESSAGE_LENGTH]
    if any(cause.get("reason") == "NamespaceTerminating" for cause in causes):
        return Refused(Reason.NAMESPACE_TERMINATING, f"{what} refused: the namespace is being deleted")
    if code in {400, 422}:
        return Refused(Reason.INVALID_POD_TEMPLATE, f"{what} is invalid: {said}; correct the pool's spec")
    if "exceeded quota" in text:
        return Refused(Reason.QUOTA_EXCEEDED, f"{what} refused by a ResourceQuota: {said}; raise the quota")
    if "violates PodSecurity" in text:
        return Refused(
            Reason.POD_SECURITY_VIOLATION, f"{what} refused by Pod Security: {said}; correct spec.podTemplate"
        )
    return _forbidden(text, said, what)


def _forbidden(text: str, said: str, what: str) -> ClusterError:
    """A right that we lack, or a plugin that judges new pods: LimitRanger, Priority, RuntimeClass, webhooks."""
    if not text or ('User "' in text and " cannot " in text):
        return Refused(Reason.FORBIDDEN, f"{what} is forbidden: {said}; check the operator's Role")
    if "failed quota" in text:
        return Refused(
            Reason.INVALID_POD_TEMPLATE,
            f"{what} refused by a ResourceQuota: {said}; give it in spec.runner.resources of the pool",
        )
    return Refused(
        Reason.ADMISSION_FAILED,
        f"{what} refused by the cluster's admission: {said}; correct the pool's spec, or what refuses it",
    )


def error_from_answer(
    code: int, answer: Mapping[str, Any], what: str, *, retry_after: str | None = None
) -> ClusterError:
    """The domain error for an HTTP error answer.

    Args:
        code: HTTP status, 400 or above.
        answer: The API server's `Status` object; {} if the body was not one.
        what: Verb and object for the message, such as `create pod media/vod-1a2b3-1`.
        retry_after: The header of that name.
    """
    text = str(answer.get("message", ""))
    causes: Sequence[Mapping[str, Any]] = (answer.get("details") or {}).get("causes") or ()
    match code, answer.get("reason"):
        case 404, _:
            return NotFound(Reason.NOT_FOUND, f"{what}: not found")
        case 409, "AlreadyExists":
            return AlreadyExists(Reason.NAME_TAKEN, f"{what}: the name is taken")
        case 409, _:
            return Conflict(Reason.CONFLICT, f"{what}: it has changed meanwhile")
        case 422, _ if any(cause.get("field") == "metadata.uid" for cause in causes):
            # What a patch with another uid gets (1.37), where a PUT or a DELETE would get 409.
            return Conflict(Reason.CONFLICT, f"{what}: it is another one by now")
        case ((400 | 403 | 422), _):
            return _refusal(code, text, causes, what)
        case _:
            wait = _wait_seconds(code, retry_after)
            return Unavailable(*_no_use(code, text, what), retry_after=wait)


def _wait_seconds(code: int, header: str | None) -> float | None:
    """Whole seconds, as the API server gives them; a date is none that it would write."""
    if code not in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE} or header is None:
        return None
    text = header.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    # Longer numbers are cut without being read: Python refuses those of more than 4300 digits.
    return min(float(text[:9]), LONGEST_WAIT_SECONDS)


def _no_use(code: int, text: str, what: str) -> tuple[Reason, str]:
    """Why an answer is none that we can work with."""
    if code == HTTPStatus.INTERNAL_SERVER_ERROR and "failed calling webhook" in text:
        said = text[:_MAX_MESSAGE_LENGTH]
        return Reason.ADMISSION_FAILED, f"{what}: an admission webhook of the cluster fails: {said}; mend or remove it"
    if code == HTTPStatus.UNAUTHORIZED:
        return Reason.API_SERVER_UNAVAILABLE, f"{what}: the API server does not accept our token"
    return Reason.API_SERVER_UNAVAILABLE, f"{what}: the API server answered {code}"
