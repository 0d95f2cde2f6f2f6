"""The two images, built from the same Containerfiles as everybody's."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from peers.runner import pack
from support.cluster import bases, images
from support.cluster.images import ImageRef
from support.cluster.paths import cache_directory
from support.cluster.progress import say
from support.packaging.paths import ROOT

OFFICIAL_RUNNER = "@peertube/peertube-runner@0.6.0"
_LOOK_UP_SECONDS = 30
_CACHES = shutil.ignore_patterns("__pycache__", ".*_cache")


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    operator: ImageRef
    runner: ImageRef

    def __iter__(self) -> Iterator[ImageRef]:
        return iter((self.operator, self.runner))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerSource:
    """What npm installs in the runner image: a package of the registry, or a tarball on this machine."""

    package: str
    tarball: Path | None = None


def stand_in() -> RunnerSource:
    """Our test double, whose jobs can be made to last."""
    tarball = pack.pack(cache_directory(), say)
    return RunnerSource(package=f"./{tarball.name}", tarball=tarball)


def runner_source() -> RunnerSource:
    """The official runner where this machine's npm registry has it, else the stand-in."""
    npm = shutil.which("npm")
    if npm is not None and _in_registry(npm):
        say(f"runner: the official {OFFICIAL_RUNNER}")
        return RunnerSource(package=OFFICIAL_RUNNER)
    say(f"runner: a stand-in for {OFFICIAL_RUNNER}, which this machine's npm registry does not have")
    return stand_in()


def build(source: RunnerSource) -> Images:
    """Both images, from the cache where nothing of theirs has changed."""
    operator = images.build(
        "operator", ROOT / "operator" / "Containerfile", ROOT, {"BASE_IMAGE": bases.python().reference}
    )
    return Images(operator=operator, runner=_runner(source))


def _runner(source: RunnerSource) -> ImageRef:
    """A tarball is laid beside the Containerfile, in a copy of its folder: the door that it has for everybody's."""
    arguments = {"BASE_IMAGE": bases.node().reference, "RUNNER_SOURCE": source.package}
    with tempfile.TemporaryDirectory(prefix="runnerpool-context-") as name:
        folder = shutil.copytree(ROOT / "runner_image", Path(name) / "runner_image", ignore=_CACHES)
        if source.tarball is not None:
            shutil.copy(source.tarball, folder)
        return images.build("runner", folder / "Containerfile", Path(name), arguments)


def _in_registry(npm: str) -> bool:
    command = [npm, "view", OFFICIAL_RUNNER, "version"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LOOK_UP_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0 and bool(run.stdout.strip())
