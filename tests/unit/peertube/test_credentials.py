"""A login goes to the origin that its Secret names, and nowhere else."""

import pytest
from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.errors import BadCredentials
from support.scripted_peertube import PASSWORD, URL, ScriptedPeerTube, credentials


def secret(**changes: str | None) -> dict[str, SecretStr]:
    values = {"url": URL, "username": "operator", "password": PASSWORD} | changes
    return {key: SecretStr(value) for key, value in values.items() if value is not None}


@pytest.mark.parametrize(
    "url", [URL, f"{URL}/", "https://Video.Example.ORG", "https://video.example.org:443", f" {URL} \n"]
)
def test_a_secret_for_the_same_origin_is_taken_however_it_is_written(url: str) -> None:
    taken = Credentials.from_secret(secret(url=url), server_url=URL)

    assert str(taken.origin) == URL
    assert taken.username == "operator"
    assert taken.password.get_secret_value() == PASSWORD


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.org",
        "http://video.example.org",
        "https://video.example.org:8443",
        "https://video.example.org.evil.example",
        "https://video.example.org@evil.example.org",
        "nonsense",
    ],
)
def test_a_secret_for_another_origin_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadCredentials) as caught:
        Credentials.from_secret(secret(url=url), server_url=URL)

    assert caught.value.reason is Reason.SECRET_FOR_ANOTHER_ORIGIN
    assert url not in caught.value.message


INTERNAL = "http://peertube.media.svc:9000"


def test_a_secret_that_names_the_internal_origin_too_is_taken() -> None:
    taken = Credentials.from_secret(secret(internalUrl=f"{INTERNAL}/"), server_url=URL, internal_url=INTERNAL)

    assert str(taken.origin) == URL


def test_an_internal_origin_that_the_pool_does_not_use_may_stand_in_the_secret() -> None:
    assert Credentials.from_secret(secret(internalUrl=INTERNAL), server_url=URL).username == "operator"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (None, Reason.SECRET_KEY_MISSING),
        (URL, Reason.SECRET_FOR_ANOTHER_ORIGIN),
        ("http://evil.example.org", Reason.SECRET_FOR_ANOTHER_ORIGIN),
    ],
)
def test_a_login_goes_to_no_internal_origin_that_its_secret_does_not_name(told: str | None, reason: Reason) -> None:
    with pytest.raises(BadCredentials, match="internalUrl") as caught:
        Credentials.from_secret(secret(internalUrl=told), server_url=URL, internal_url=INTERNAL)

    assert caught.value.reason is reason


@pytest.mark.parametrize("key", ["url", "username", "password"])
@pytest.mark.parametrize("value", [None, "", "\n"])
def test_a_missing_or_empty_key_is_named(key: str, value: str | None) -> None:
    with pytest.raises(BadCredentials, match=f"no key {key}") as caught:
        Credentials.from_secret(secret(**{key: value}), server_url=URL)

    assert caught.value.reason is Reason.SECRET_KEY_MISSING


def test_the_line_end_of_a_file_is_no_part_of_a_password_but_blanks_are() -> None:
    taken = Credentials.from_secret(secret(password=" two words \r\n"), server_url=URL)

    assert taken.password.get_secret_value() == " two words "


def test_credentials_show_no_password() -> None:
    assert PASSWORD not in repr(credentials())


def test_a_session_refuses_a_login_for_another_origin_before_anything_is_sent() -> None:
    server = ScriptedPeerTube()
    session = server.session()

    with pytest.raises(BadCredentials) as caught:
        type(session)(session._transport, credentials("https://other.example.org"))

    assert caught.value.reason is Reason.SECRET_FOR_ANOTHER_ORIGIN
    assert server.requests == []
