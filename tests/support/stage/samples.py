"""Single figures out of a text of metrics."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def samples(metrics: str, name: str, labels: Mapping[str, str]) -> list[tuple[Mapping[str, str], float]]:
    """Labels and value of each of a metric's samples that bear these labels, whatever others they bear, and are not 0.

    Args:
        metrics: in Prometheus' text format.
        name: of the sample, such as `runnerpool_passes_total`.
        labels: that it must bear.
    """
    families = text_string_to_metric_families(metrics)
    found = (sample for family in families for sample in family.samples if sample.name == name and sample.value)
    return [(one.labels, one.value) for one in found if labels.items() <= one.labels.items()]


def total(metrics: str, name: str, **labels: str) -> float:
    """The sum of such samples; 0 if there is none."""
    return sum(value for _, value in samples(metrics, name, labels))
