"""Documents: links lead somewhere, examples are valid, the source map fits the tree."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from runnerpool.api.conditions import ConditionType
from runnerpool.api.pool import StuckJobs
from runnerpool.api.reasons import Reason
from runnerpool.metrics import Metrics
from runnerpool.planning.missing import DELETED
from runnerpool.planning.stuck import StuckCause
from support.packaging import source_map
from support.packaging.paths import ARCHITECTURE, CRD, ROOT, SAMPLES
from support.packaging.pool_schema import complaints

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def tree() -> list[Path]:
    """Every file that is, or is about to be, under version control."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in listed if (ROOT / name).exists()]


def documents() -> list[Path]:
    return [path for path in tree() if path.suffix == ".md"]


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def yaml_examples(path: Path) -> Iterator[object]:
    for indent, language, body in FENCED.findall((ROOT / path).read_text()):
        if language == "yaml":
            yield from yaml.safe_load_all("\n".join(line.removeprefix(indent) for line in body.splitlines()))


@pytest.mark.parametrize("path", documents(), ids=str)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCED.sub("", (ROOT / path).read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, fragment = link.partition("#")
        file = ROOT / path.parent / target if target else ROOT / path
        assert file.exists(), f"{path}: {link} leads nowhere"
        if fragment:
            assert fragment in anchors(file.read_text()), f"{path}: {link} names no heading"


def test_every_pool_in_the_documents_and_samples_is_valid() -> None:
    examples = [(path, example) for path in documents() for example in yaml_examples(path)]
    examples += [(path, example) for path in SAMPLES.glob("*.yaml") for example in yaml.safe_load_all(path.read_text())]
    pools = [
        (path, example)
        for path, example in examples
        if isinstance(example, dict) and example.get("kind") == "TranscodingRunnerPool"
    ]
    assert {path.name for path, _ in pools} >= {"README.md", "pool.yaml"}
    for path, pool in pools:
        assert not complaints(CRD.read_text(), pool), path


def test_the_check_of_pools_sees_a_wrong_field_and_a_wrong_value() -> None:
    pool = yaml.safe_load((SAMPLES / "pool.yaml").read_text())
    pool["spec"]["scaling"] = {"maxReplicas": -1, "maxReplica": 1}
    found = " ".join(complaints(CRD.read_text(), pool))
    assert "maxReplica'" in found
    assert "-1" in found


def test_samples_fit_together() -> None:
    pool = yaml.safe_load((SAMPLES / "pool.yaml").read_text())
    secret = yaml.safe_load((SAMPLES / "secret.yaml").read_text())
    assert pool["spec"]["server"]["credentialsRef"]["name"] == secret["metadata"]["name"]
    assert pool["metadata"]["namespace"] == secret["metadata"]["namespace"]
    assert pool["spec"]["server"]["url"] == secret["stringData"]["url"]
    assert set(secret["stringData"]) == {"url", "username", "password"}


def test_the_source_map_names_every_folder_and_no_other() -> None:
    section = ARCHITECTURE.read_text().partition("### Folders")[2].partition("\n### ")[0]
    named = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    folders = {parent for path in tree() for parent in path.parents if parent != Path()}
    shallow = {str(f) for f in folders if len(f.parts) == 1}
    shallow |= {str(f) for f in folders if len(f.parts) == 2 and f.parts[0] in {"deploy", "docs", "tests"}}
    shallow |= {
        str(f) for f in folders if len(f.parts) == 3 and f.parts[:2] in {("tests", "peers"), ("tests", "support")}
    }
    assert named == shallow


def test_a_module_that_says_nothing_of_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mute.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="has no docstring"):
        source_map.first_sentence(tmp_path / "mute.py")


def test_documents_name_no_place_of_this_machine() -> None:
    for path in documents():
        text = (ROOT / path).read_text()
        assert not re.search(r"/(work|root|home)/", text), path


def test_operations_explain_every_condition_and_name_reasons_and_metrics_that_exist() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("### Conditions")[2].partition("\n### ")[0]
    conditions = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert conditions == [str(kind) for kind in ConditionType]
    reasons = set(re.findall(r"`([A-Z][A-Za-z]+)`", page)) - set(conditions)
    words = {"False", "True", "Unknown", "Desired", "Drain", "Abort", "Pending", "Terminating", "SchedulingGated"}
    causes = {DELETED, *(str(cause) for cause in StuckCause)}
    assert causes <= reasons
    assert reasons - words - causes <= {str(word) for kind in (Reason, StuckJobs) for word in kind}
    told = set(re.findall(r"\brunnerpool_\w+", page))
    assert told <= {sample for family in Metrics().registry.collect() for sample in _names(family)}
    assert len(told) > 8


def _names(family: Metric) -> set[str]:
    suffix = "_total" if family.type == "counter" else ""
    return {f"{family.name}{suffix}"}


def test_the_rights_in_the_security_page_are_the_charts() -> None:
    page = (ROOT / "SECURITY.md").read_text()
    table = page.partition("| On | Verbs | For |\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([a-z, ]+) \|", table, re.MULTILINE)
    told = {what: set(verbs.split(", ")) for what, verbs in rows}
    resources = {
        "transcodingrunnerpools": "pools",
        "transcodingrunnerpools/status": "pools' status",
        "secrets": "Secrets",
        "leases": "its Lease",
        "namespaces": "namespace `kube-system`",
    }
    given: dict[str, set[str]] = {}
    for manifest in yaml.safe_load_all((ROOT / "deploy" / "install.yaml").read_text()):
        if manifest["kind"] in {"ClusterRole", "Role"}:
            for rule in manifest["rules"]:
                [resource] = rule["resources"]
                given.setdefault(resources.get(resource, resource), set()).update(rule["verbs"])
    assert told == given
