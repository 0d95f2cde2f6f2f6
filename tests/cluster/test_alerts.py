"""The alerts in deploy/monitoring, by Prometheus' own tester of rules."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from support.packaging.paths import MONITORING
from support.prometheus.promtool import check

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.usefixtures("debians_prometheus")]


def test_the_rules_are_valid() -> None:
    assert "SUCCESS: 4 rules found" in check("check", "rules", str(MONITORING / "rules.yaml"))


POOL = 'namespace="media",pool="vod"'
READY = f'runnerpool_pool_condition{{{POOL},type="Ready",status="true"}}'
BUILD = 'runnerpool_build_info{version="1"}'
LEADER, STANDBY, ELSEWHERE = (
    f'runnerpool_operator_leader{{namespace="{namespace}",instance="{name}"}}'
    for namespace, name in (("runners", "a"), ("runners", "b"), ("tenant", "a"))
)
OLDEST = f"runnerpool_queue_oldest_pending_seconds{{{POOL}}}"
KNOWN = f"runnerpool_queue_known{{{POOL}}}"
CALM = {BUILD: "1x180", LEADER: "1x180", STANDBY: "0x180", READY: "1x180", OLDEST: "30x180", KNOWN: "1x180"}


@pytest.mark.parametrize(
    ("told", "minute", "alert"),
    [
        ({}, 30, None),
        ({BUILD: "_x180"}, 4, None),
        ({BUILD: "_x180"}, 6, "RunnerpoolAbsent"),
        ({LEADER: "1x10 0x180"}, 11, None),
        ({LEADER: "1x10 0x180"}, 14, "RunnerpoolNobodyLeads"),
        ({LEADER: "1x10 0x180", STANDBY: "0x10 1x180"}, 30, None),
        ({LEADER: "1x10 0x180", ELSEWHERE: "1x180"}, 14, "RunnerpoolNobodyLeads"),
        ({READY: "0x180"}, 14, None),
        ({READY: "0x180"}, 16, "RunnerpoolPoolNotReady"),
        ({READY: "0x10 1 0x180"}, 20, None),
        ({OLDEST: "0+60x180"}, 60, None),
        ({OLDEST: "0+60x180"}, 70, "RunnerpoolJobsWait"),
        ({OLDEST: "0+60x180", KNOWN: "0x180"}, 70, None),
    ],
)
def test_an_alert_comes_when_it_should_and_not_before(
    tmp_path: Path, told: Mapping[str, str], minute: int, alert: str | None
) -> None:
    names = [rule["alert"] for rule in yaml.safe_load((MONITORING / "rules.yaml").read_text())["groups"][0]["rules"]]
    series = [{"series": name, "values": values} for name, values in {**CALM, **told}.items()]
    # Only the number of alerts is compared: an expression of promtool's, unlike `alert_rule_test`, needs no texts.
    expected = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": "{}", "value": int(name == alert)}],
        }
        for name in names
    ]
    shutil.copy(MONITORING / "rules.yaml", tmp_path)
    tests = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [tests]}))
    check("test", "rules", str(tmp_path / "tests.yaml"))
