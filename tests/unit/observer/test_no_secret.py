import base64

import pytest

from support.observer.handmade import Script
from support.observer.invariants import no_secret
from support.observer.records import Change, Text
from support.observer.search import Finding, search

PASSWORD = "root-3a9f/e+27"
SECRETS = {"the password": PASSWORD}


def scene() -> Script:
    script = Script(secrets=dict(SECRETS))
    script.pool(0, change=Change.ADDED)
    script.secret(0)
    return script


def test_a_secret_in_an_objects_version_is_found_and_not_repeated() -> None:
    script = scene()
    assert no_secret.check(script.history()) == []
    script.pod(1, "vod-1", annotations={"note": f"login with {PASSWORD}"})
    script.pod(2, "vod-1")
    (found,) = no_secret.check(script.history())
    assert found.what == "the password stands in Pod vod-1, version 3"
    assert PASSWORD not in str(found)


def test_a_secret_in_a_log_is_found() -> None:
    script = scene()
    script.texts.append(Text(place="log of pod x", content=f"Bearer {PASSWORD}\n".encode()))
    (found,) = no_secret.check(script.history())
    assert found.what == "the password stands in log of pod x"


@pytest.mark.parametrize("before", ["", "1", "12", "123"])
def test_base64_hides_no_secret_wherever_it_stands(before: str) -> None:
    text = base64.b64encode(f"{before}{PASSWORD} and more".encode())
    assert search(SECRETS, [Text(place="here", content=text)]) == [Finding("the password", "here")]


def test_a_url_hides_no_secret() -> None:
    text = Text(place="here", content=b"https://x/?password=root-3a9f%2Fe%2B27&user=root")
    assert search(SECRETS, [text]) == [Finding("the password", "here")]


def test_half_a_secret_is_none() -> None:
    assert search(SECRETS, [Text(place="here", content=PASSWORD[:-1].encode())]) == []
    assert search(SECRETS, [Text(place="here", content=base64.b64encode(PASSWORD[:-3].encode()))]) == []


def test_what_is_too_short_to_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="the pin has 4 characters"):
        search({"the pin": "1234"}, [])
