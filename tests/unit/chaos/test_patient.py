"""What tests read of metrics."""

from support.chaos.patient import by_cause
from support.stage.samples import samples

FAILED = "runnerpool_pods_failed_total"
EXPOSITION = f"""# HELP {FAILED} Pods that failed.
# TYPE {FAILED} counter
{FAILED}{{namespace="a",pool="vod",cause="OutOfMemory"}} 2.0
{FAILED}{{namespace="a",pool="vod",cause="Evicted"}} 0.0
{FAILED}{{namespace="b",pool="vod",cause="NodeLost"}} 1.0
"""


def test_counts_are_those_of_one_pool_and_nothing_counted_is_no_entry():
    assert by_cause(EXPOSITION, FAILED, {"namespace": "a", "pool": "vod"}) == {"OutOfMemory": 2.0}
    assert by_cause(EXPOSITION, FAILED, {"namespace": "c"}) == {}


def test_only_the_metric_that_is_asked_for_counts():
    assert samples(EXPOSITION, "runnerpool_pods_failed", {}) == []
    assert len(samples(EXPOSITION, FAILED, {})) == 2
