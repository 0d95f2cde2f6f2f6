import pytest

from runnerpool_agent.redaction import Redactor


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the runner token ptrt-0a1b-2c is invalid", "the runner token ptrt-*** is invalid"),
        ('{"jobToken":"ptrjt-00000000-0000"}', '{"jobToken":"ptrjt-***"}'),
        ("ptrrt-x ptrt-y", "ptrrt-*** ptrt-***"),
        ("a token cut off: ptrjt-", "a token cut off: ptrjt-***"),
        ("scriptrt-1 is no token", "scriptrt-1 is no token"),
    ],
)
def test_tokens_are_masked_by_their_form(text: str, masked: str) -> None:
    assert Redactor()(text) == masked
    assert Redactor()(masked) == masked


def test_a_given_secret_is_masked_whatever_its_form() -> None:
    redact = Redactor(["hunter2", "", "hunter2-long"])
    assert redact("runnerToken=hunter2-long, hunter2!") == "runnerToken=***, ***!"
