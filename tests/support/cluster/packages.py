"""Debian packages of the test bed, installed by name from the machine's own package sources where it may."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.locks import exclusive
from support.cluster.paths import cache_directory
from support.cluster.progress import run_with_progress, say

CNI_PLUGINS = Path("/usr/lib/cni")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package, and the files or programs by which its presence is told, whoever installed them."""

    name: str
    programs: Sequence[str] = ()
    files: Sequence[Path] = ()

    @property
    def present(self) -> bool:
        return all(shutil.which(program) for program in self.programs) and all(file.exists() for file in self.files)


NODE = (
    Package(name="containerd", programs=("containerd", "containerd-shim-runc-v2", "ctr")),
    Package(name="runc", programs=("runc",)),
    Package(name="containernetworking-plugins", files=(CNI_PLUGINS / "bridge", CNI_PLUGINS / "host-local")),
    Package(name="iptables", programs=("iptables",)),
    Package(name="iproute2", programs=("ip",)),
)
IMAGES = (
    Package(name="buildah", programs=("buildah",)),
    Package(name="mmdebstrap", programs=("mmdebstrap",)),
    Package(name="ca-certificates", files=(Path("/etc/ssl/certs/ca-certificates.crt"),)),
)
VIDEO = (Package(name="ffmpeg", programs=("ffmpeg", "ffprobe")),)


def missing(packages: Sequence[Package]) -> list[str]:
    return [package.name for package in packages if not package.present]


def installable() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def ensure(packages: Sequence[Package]) -> None:
    """Install what is missing.

    Raises:
        ClusterError: this user may not install, or the installation failed.
    """
    if not missing(packages):
        return
    with exclusive(cache_directory() / ".packages.lock", "installing packages"):
        names = missing(packages)
        if not names:
            return
        if not installable():
            raise ClusterError(f"the test bed lacks {', '.join(names)}; as root: apt-get install {' '.join(names)}")
        say(f"missing packages: {', '.join(names)}")
        _install(names)
    still = missing(packages)
    if still:
        raise ClusterError(
            f"installed {', '.join(still)}, yet its programs are not found; look at PATH={os.environ['PATH']}"
        )


def _install(names: Sequence[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    if not all(_known(name) for name in names):
        run_with_progress("updating the package lists", ["apt-get", "update"], log=_log("update"))
    run_with_progress(
        f"installing {' '.join(names)}",
        ["apt-get", "install", "--yes", "--no-install-recommends", *names],
        log=_log("install"),
        environment=environment,
    )


def _known(name: str) -> bool:
    run = subprocess.run(["apt-cache", "policy", name], capture_output=True, text=True, check=False)
    return "Candidate: (none)" not in run.stdout and "Candidate:" in run.stdout


def _log(name: str) -> Path:
    return cache_directory() / "log" / f"apt-{name}.log"
