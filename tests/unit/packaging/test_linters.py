"""YAML and container files pass their linters."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.packaging.paths import ROOT
from support.packaging.yaml_lint import complaints

CONTAINERFILES = ["operator/Containerfile", "runner_image/Containerfile"]
YAML_FOLDERS = ["crds", "deploy"]


def test_yamllint_finds_nothing() -> None:
    assert not complaints(*YAML_FOLDERS, ".yamllint.yaml")


def test_yamllint_can_find_something() -> None:
    assert "duplication of key" in complaints(text="a: 1\na: 2\n")


@pytest.mark.parametrize("name", CONTAINERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, ROOT / name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
