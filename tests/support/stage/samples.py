"""Single figures out of a text of metrics."""

from prometheus_client.parser import text_string_to_metric_families


def total(metrics: str, name: str, **labels: str) -> float:
    """The sum of a metric's samples that bear these labels, whatever others they bear; 0 if there is none.

    Args:
        metrics: in Prometheus' text format.
        name: of the sample, such as `runnerpool_passes_total`.
        labels: that it must bear.
    """
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
