import pytest

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import AlreadyExists, Conflict, NotFound, Refused, Unavailable, error_from_answer

WHAT = "post /api/v1/namespaces/media/pods"


@pytest.mark.parametrize(
    ("code", "answer", "kind", "reason"),
    [
        (404, {"reason": "NotFound"}, NotFound, Reason.NOT_FOUND),
        (409, {"reason": "AlreadyExists"}, AlreadyExists, Reason.NAME_TAKEN),
        (409, {"reason": "Conflict"}, Conflict, Reason.CONFLICT),
        (
            403,
            {"message": 'pods "x" is forbidden: exceeded quota: q, requested: pods=1'},
            Refused,
            Reason.QUOTA_EXCEEDED,
        ),
        (403, {"message": 'violates PodSecurity "restricted:latest"'}, Refused, Reason.POD_SECURITY_VIOLATION),
        (403, {"message": 'User "x" cannot create resource "pods"'}, Refused, Reason.FORBIDDEN),
        (403, {}, Refused, Reason.FORBIDDEN),
        (
            403,
            {"message": "is forbidden: failed quota: q: must specify limits.cpu for: runner"},
            Refused,
            Reason.INVALID_POD_TEMPLATE,
        ),
        (
            403,
            {"message": "is forbidden: no PriorityClass with name batch was found"},
            Refused,
            Reason.ADMISSION_FAILED,
        ),
        (403, {"message": 'admission webhook "x" denied the request: no'}, Refused, Reason.ADMISSION_FAILED),
        (422, {"message": "spec.containers[0].image: Required value"}, Refused, Reason.INVALID_POD_TEMPLATE),
        (
            422,
            {"message": "field is immutable", "details": {"causes": [{"field": "metadata.uid"}]}},
            Conflict,
            Reason.CONFLICT,
        ),
        (400, {"message": "unknown field"}, Refused, Reason.INVALID_POD_TEMPLATE),
        (
            403,
            {"message": "forbidden", "details": {"causes": [{"reason": "NamespaceTerminating"}]}},
            Refused,
            Reason.NAMESPACE_TERMINATING,
        ),
        (500, {"message": 'failed calling webhook "x"'}, Unavailable, Reason.ADMISSION_FAILED),
        (500, {"message": "etcd"}, Unavailable, Reason.API_SERVER_UNAVAILABLE),
        (401, {}, Unavailable, Reason.API_SERVER_UNAVAILABLE),
        (429, {}, Unavailable, Reason.API_SERVER_UNAVAILABLE),
        (503, {"message": "etcd is away"}, Unavailable, Reason.API_SERVER_UNAVAILABLE),
    ],
)
def test_each_refusal_of_the_api_server_gets_a_kind_and_a_reason_of_its_own(code, answer, kind, reason):
    error = error_from_answer(code, answer, WHAT)

    assert type(error) is kind
    assert error.reason is reason
    assert WHAT in error.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5),
        (" 0 ", 0),
        ("3600", 30),
        ("9" * 5000, 30),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_time_that_the_api_server_asks_for_is_read_in_seconds_and_bounded(code, header, seconds):
    assert error_from_answer(code, {}, WHAT, retry_after=header).retry_after == seconds


@pytest.mark.parametrize("code", [403, 404, 409, 500])
def test_other_refusals_ask_for_no_time(code):
    assert error_from_answer(code, {}, WHAT, retry_after="5").retry_after is None


def test_a_message_of_the_api_server_is_quoted_only_so_far():
    error = error_from_answer(422, {"message": "x" * 5000}, WHAT)

    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ('User "x" cannot create resource "pods" in API group ""', "check the operator's Role"),
        ("failed quota: q: must specify limits.cpu for: runner", "spec.runner.resources"),
        ("maximum memory usage per Container is 64Mi, but limit is 1Gi", "correct the pool's spec"),
    ],
)
def test_who_lacks_no_right_is_not_sent_to_the_role(said, remedy):
    message = error_from_answer(403, {"message": said}, WHAT).message

    assert remedy in message
    assert ("Role" in message) == ("cannot" in said)
