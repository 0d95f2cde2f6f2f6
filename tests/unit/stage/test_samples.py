import pytest

from support.stage.samples import total

METRICS = """\
# TYPE passes counter
passes_total{pool="a",result="success"} 3
passes_total{pool="a",result="error"} 1
passes_total{pool="b",result="error"} 2
"""


@pytest.mark.parametrize(
    ("labels", "sum_of_them"),
    [({}, 6), ({"result": "error"}, 3), ({"pool": "a", "result": "error"}, 1), ({"pool": "c"}, 0)],
)
def test_samples_with_given_labels_are_summed(labels: dict[str, str], sum_of_them: float) -> None:
    assert total(METRICS, "passes_total", **labels) == sum_of_them
