"""Files that are made from others are what their sources say."""

from pathlib import Path

import pytest
import yaml

from support.packaging import generated
from support.packaging.__main__ import main
from support.packaging.paths import INSTALL

pytestmark = pytest.mark.timeout(900)  # the first run on a machine builds helm


@pytest.mark.parametrize("path", generated.GENERATED, ids=lambda path: path.name)
def test_a_generated_file_has_not_drifted(path: Path) -> None:
    assert not generated.drift(path), "run: PYTHONPATH=tests python -m support.packaging write"


def test_drift_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "made.txt"
    monkeypatch.setattr(generated, "ROOT", tmp_path)
    monkeypatch.setattr(generated, "GENERATED", {path: lambda: "new\n"})
    path.write_text("old\n")
    assert main(["check"]) == 1
    assert "-old\n+new\n" in capsys.readouterr().out
    assert main(["write"]) == 0
    assert main(["check"]) == 0
    assert main([]) == 2


def test_the_manifest_for_kubectl_brings_its_namespace_and_names_no_helm() -> None:
    documents = list(yaml.safe_load_all(INSTALL.read_text()))
    assert documents[0]["kind"] == "Namespace"
    assert documents[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {"CustomResourceDefinition", "Deployment", "ClusterRole"} <= {document["kind"] for document in documents}
    assert "helm" not in INSTALL.read_text().lower()
