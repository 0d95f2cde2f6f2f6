import pytest

from runnerpool.api.counting import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, ("0 pods", "0 pods are", "0 pods wait")),
        (1, ("1 pod", "1 pod is", "1 pod waits")),
        (2, ("2 pods", "2 pods are", "2 pods wait")),
    ],
)
def test_number_thing_and_verb_agree(number, said):
    assert tuple(counted(number, "pod", verb) for verb in ("", "are", "wait")) == said
