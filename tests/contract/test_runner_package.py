import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from peers.runner.pack import SOURCES, install_into, pack
from support.cluster.paths import cache_directory

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def tarball() -> Path:
    return pack(cache_directory())


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)


def test_the_tarball_installs_without_a_registry_under_the_official_name(tarball: Path, tmp_path: Path) -> None:
    install_into(tmp_path, tarball)

    assert run(tmp_path / "bin" / "peertube-runner", "--version").stdout == "0.6.0\n"
    installed = tmp_path / "lib" / "node_modules" / "@peertube" / "peertube-runner"
    assert (tmp_path / "bin" / "peertube-runner").resolve() == installed / "peertube-runner.mjs"


def test_the_tarball_says_that_it_is_a_test_double_and_cannot_be_published(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        content = archive.extractfile("package/package.json")
        assert content is not None
        manifest = json.load(content)
        assert "package/README.md" in archive.getnames()

    assert "TEST DOUBLE" in manifest["description"]
    assert manifest["private"] is True
    assert "dependencies" not in manifest


def test_the_same_sources_are_packed_once(tarball: Path) -> None:
    said: list[str] = []

    assert pack(cache_directory(), said.append) == tarball
    assert said == []


def test_packing_says_what_it_does(tmp_path: Path) -> None:
    said: list[str] = []

    pack(tmp_path, said.append)

    assert [line.split(":", 1)[0] for line in said] == ["stand-in runner"] * 3
    assert said[-1].endswith("peertube-peertube-runner-0.6.0.tgz")


def test_a_tarball_that_npm_refuses_is_reported_with_what_npm_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"no archive")

    with pytest.raises(RuntimeError, match=r"npm install failed in .*: npm error"):
        install_into(tmp_path / "prefix", broken)


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())

    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_every_library_has_an_exact_version() -> None:
    manifest = json.loads((SOURCES / "package.json").read_text())

    assert {
        name: version
        for name, version in manifest["devDependencies"].items()
        if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    } == {}


def test_an_unknown_job_type_ends_the_server_command_with_255(tarball: Path, tmp_path: Path) -> None:
    install_into(tmp_path, tarball)

    done = run(tmp_path / "bin" / "peertube-runner", "server", "--enable-job", "knitting")

    assert done.returncode == 255
    assert "knitting is not a supported job" in done.stdout
