import pytest

from support.stage.errors import StageError
from support.stage.waiting import until


def test_waiting_ends_with_what_was_found() -> None:
    answers = iter([None, "", "here"])
    assert until(lambda: next(answers), "something", seconds=5, every=0) == "here"


def test_waiting_in_vain_tells_what_there_is_instead() -> None:
    with pytest.raises(StageError, match="a pod did not come within 0 s; instead: 3 secrets"):
        until(lambda: False, "a pod", seconds=0, evidence=lambda: "3 secrets", every=0)
