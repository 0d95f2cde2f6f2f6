"""values.yaml and its schema."""

import json
from typing import Any

import pytest
import yaml

from support.packaging import chart_readme, helm
from support.packaging.paths import CHART

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm

BAD_VALUES: dict[str, dict[str, Any]] = {
    "unknown value": {"replicaCount": 2},
    "no replica": {"replicas": 0},
    "a budget as a number": {"podDisruptionBudget": {"minAvailable": 1}},
    "unknown value inside": {"image": {"repo": "x"}},
    "operator image without a name": {"image": {"repository": ""}},
    "image with its tag in the repository's place": {"image": {"repository": "Example/Operator"}},
    "digest that is none": {"image": {"digest": "latest"}},
    "tag with a space": {"runnerImage": {"tag": "1 2"}},
    "pull policy in lower case": {"image": {"pullPolicy": "always"}},
    "pull secret as a string": {"imagePullSecrets": ["registry"]},
    "pull secret without a name": {"imagePullSecrets": [{"name": ""}]},
    "namespace with a dot": {"watchNamespaces": ["media.prod"]},
    "namespace twice": {"watchNamespaces": ["media", "media"]},
    "namespaces as a string": {"watchNamespaces": "media"},
    "cluster id with a line break": {"clusterId": "a\nb"},
    "poll period zero": {"pollPeriodSeconds": 0},
    "poll period as a fraction": {"pollPeriodSeconds": 2.5},
    "log level unknown": {"logLevel": "trace"},
    "crds as a switch": {"crds": False},
    "no account at all": {"serviceAccount": {"create": False}},
    "abandoned pools by name": {"uninstall": {"abandonPools": ["vod"]}},
    "monitor as a switch": {"metrics": {"serviceMonitor": True}},
    "interval without a unit": {"metrics": {"podMonitor": {"interval": "30"}}},
    "label of a monitor that is a number": {"metrics": {"podMonitor": {"labels": {"team": 1}}}},
    "resources of another kind": {"resources": {"request": {}}},
    "toleration with an unknown effect": {"tolerations": [{"effect": "Never"}]},
    "affinity of an unknown kind": {"affinity": {"zoneAffinity": {}}},
    "label that is a number": {"podLabels": {"team": 1}},
    "security context": {"securityContext": {"privileged": True}},
}


def leaves(schema: dict[str, Any], shared: dict[str, Any], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, child in schema["properties"].items():
        resolved = shared[child["$ref"].rpartition("/")[2]] if "$ref" in child else child
        has_own = "properties" in resolved and key not in {"resources", "affinity"}
        found |= leaves(resolved, shared, f"{prefix}{key}.") if has_own else {f"{prefix}{key}"}
    return found


@pytest.mark.parametrize("name", BAD_VALUES)
def test_the_schema_refuses(name: str) -> None:
    with pytest.raises(helm.HelmError, match="values don't meet the specifications"):
        helm.render(BAD_VALUES[name])


def test_schema_and_documentation_know_the_same_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert leaves(schema, schema["$defs"]) - {"global"} == {value.key for value in chart_readme.values()}


def test_a_value_without_a_comment_fails_the_documentation(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(chart_readme, "CHART", tmp_path)
    (tmp_path / "values.yaml").write_text("image:\n  # no mark here\n  tag: x\n")
    with pytest.raises(ValueError, match=r"image\.tag has no comment"):
        chart_readme.values()


def test_defaults_pass_as_a_file_of_the_users_own() -> None:
    assert helm.render(yaml.safe_load((CHART / "values.yaml").read_text())) == helm.render()
