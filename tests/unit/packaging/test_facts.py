"""Facts about the distribution that go wrong without a sound."""

import importlib.metadata
import operator
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml

import runnerpool
from support.packaging.paths import CHART, ROOT

LOCKS = [
    "operator/requirements.txt",
    "runner_image/requirements.txt",
    "tests/requirements.txt",
    "tests/peers/connector/requirements.txt",
]


@pytest.mark.parametrize("folder", ["operator", "runner_image"])
def test_a_folder_of_programs_is_no_python_package(folder: str) -> None:
    assert not list((ROOT / folder).glob("*.py"))


def test_pythons_own_operator_is_not_hidden_from_the_roots_of_the_tree() -> None:
    assert Path(operator.__file__).parent == Path(sysconfig.get_path("stdlib"))
    program = "import operator, collections; print(operator.__file__)"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()).parent == Path(sysconfig.get_path("stdlib"))


def test_every_place_tells_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["version"]["path"] == "operator/src/runnerpool/__init__.py"
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    changelog = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert changelog is not None
    told = {chart["version"], chart["appVersion"], changelog[1], importlib.metadata.version("runnerpool")}
    assert told == {runnerpool.__version__}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_with_hashes_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    assert requirements
    for line in requirements:
        assert re.match(r"^[a-z0-9][a-z0-9._-]*(\[[a-z0-9,._-]+\])?==\S+ ", line), line
        assert "--hash=sha256:" in line, line
    assert "://" not in text


def test_the_operators_image_takes_its_lock_and_nothing_else() -> None:
    containerfile = (ROOT / "operator" / "Containerfile").read_text()
    assert "--require-hashes" in containerfile
    assert "--no-deps" in containerfile
    assert containerfile.count("pip install") == 1
    assert re.search(r"^USER 10001:10001$", containerfile, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["runnerpool"\]$', containerfile, re.MULTILINE)
