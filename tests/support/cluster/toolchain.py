"""The Go programs of the test bed: built from Go modules, once a machine and version."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.locks import exclusive
from support.cluster.paths import binary_directory
from support.cluster.progress import run_with_progress, say

_SOURCES = Path(__file__).parent / "go"
_GIBIBYTE = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class GoModule:
    directory: str
    module: str
    programs: Mapping[str, str]  # name: package
    cold_bytes: int  # module and build cache that a first build of all its programs fills, measured
    stamps_version: bool = False

    @property
    def source(self) -> Path:
        return _SOURCES / self.directory

    @property
    def version(self) -> str:
        text = (self.source / "go.mod").read_text()
        found = re.search(rf"^(?:require )?\s*{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        if not found:
            raise ClusterError(f"{self.source}/go.mod does not require {self.module}; run `go mod tidy` there")
        return found[1]

    def flags(self) -> list[str]:
        linker = "-s -w"
        if self.stamps_version:
            major, minor, _ = self.version.removeprefix("v").split(".", 2)
            prefix = "-X k8s.io/component-base/version"
            linker += f" {prefix}.gitVersion={self.version} {prefix}.gitMajor={major} {prefix}.gitMinor={minor}"
        return ["-trimpath", "-ldflags", linker]

    def stamp(self) -> str:
        """Everything that the binary depends on, so that a change of it is a change of the stamp."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.source / name).read_bytes())
        digest.update(" ".join(self.flags()).encode())
        return f"{self.version} {digest.hexdigest()}\n"


_COMMANDS = "k8s.io/kubernetes/cmd"
CONTROL_PLANE_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NODE_PROGRAMS = ("kubelet",)
FAKE_NODE_PROGRAMS = ("kwok",)
ALL_PROGRAMS = (*CONTROL_PLANE_PROGRAMS, *NODE_PROGRAMS, *FAKE_NODE_PROGRAMS, "helm")

MODULES = (
    GoModule(
        directory="kubernetes",
        module="k8s.io/kubernetes",
        programs={name: f"{_COMMANDS}/{name}" for name in ALL_PROGRAMS if name.startswith("kube")},
        cold_bytes=6 * _GIBIBYTE,
        stamps_version=True,
    ),
    GoModule(
        directory="etcd",
        module="go.etcd.io/etcd/server/v3",
        programs={"etcd": "go.etcd.io/etcd/server/v3"},
        cold_bytes=_GIBIBYTE,
    ),
    GoModule(
        directory="helm",
        module="helm.sh/helm/v4",
        programs={"helm": "helm.sh/helm/v4/cmd/helm"},
        cold_bytes=2 * _GIBIBYTE,
    ),
    GoModule(
        directory="kwok",
        module="sigs.k8s.io/kwok",
        programs={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        cold_bytes=_GIBIBYTE,
    ),
)


def ensure(programs: Sequence[str] = ALL_PROGRAMS) -> Path:
    """Build what is missing of the named programs, and return the directory that holds them.

    Raises:
        ClusterError: no Go, too little disk, or a build that failed.
    """
    directory = binary_directory()
    directory.mkdir(parents=True, exist_ok=True)
    if not built(programs):
        with exclusive(
            directory / ".lock", "building the test bed's programs"
        ):  # a parallel run may have built them meanwhile
            missing = _missing(programs)
            _check(missing)
            for module, names in missing:
                _build(module, names)
    return directory


def built(programs: Sequence[str] = ALL_PROGRAMS) -> bool:
    return not _missing(programs)


def _missing(programs: Sequence[str]) -> list[tuple[GoModule, list[str]]]:
    wanted = [(module, [name for name in module.programs if name in programs]) for module in MODULES]
    absent = [(module, [name for name in names if not _present(module, name)]) for module, names in wanted]
    return [(module, names) for module, names in absent if names]


def _present(module: GoModule, name: str) -> bool:
    target, stamp = binary_directory() / name, binary_directory() / f"{name}.stamp"
    if not target.exists():
        return False
    if stamp.exists():
        return stamp.read_text() == module.stamp()
    if not _built_from(target, module, name):
        return False
    stamp.write_text(module.stamp())
    say(f"{name} {module.version} was built already; taken over")
    return True


def _built_from(target: Path, module: GoModule, name: str) -> bool:
    """True if the build information that Go leaves in a binary names this module's package and version."""
    go = shutil.which("go")
    if go is None:
        return False
    run = subprocess.run([go, "version", "-m", str(target)], capture_output=True, text=True, check=False)
    lines = [line.split() for line in run.stdout.splitlines()]
    package, required = ["path", module.programs[name]], [module.module, module.version]
    return package in lines and any(line[1:3] == required for line in lines)


def _check(missing: list[tuple[GoModule, list[str]]]) -> None:
    if not missing:
        return
    if shutil.which("go") is None:
        names = ", ".join(name for _, names in missing for name in names)
        raise ClusterError(f"the test bed cannot build {names}: there is no `go`; install Go 1.26 or newer")
    needed = sum(module.cold_bytes for module, _ in missing if not _modules_present(module)) + _GIBIBYTE
    free = shutil.disk_usage(binary_directory()).free
    say(f"disk: up to {needed / _GIBIBYTE:.0f} GiB needed to build, {free / _GIBIBYTE:.0f} GiB free")
    if free < needed:
        raise ClusterError(
            f"too little disk to build the test bed's Go programs: {needed / _GIBIBYTE:.0f} GiB needed, "
            f"{free / _GIBIBYTE:.1f} GiB free; make room, or move RUNNERPOOL_CACHE, GOMODCACHE, GOCACHE"
        )


def _modules_present(module: GoModule) -> bool:
    run = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True)
    return (Path(run.stdout.strip()) / f"{module.module}@{module.version}").exists()


def _build(module: GoModule, names: Sequence[str]) -> None:
    for number, name in enumerate(names, 1):
        target = binary_directory() / name
        unfinished = target.with_suffix(".new")
        run_with_progress(
            f"building {name} {module.version} ({number} of {len(names)} from {module.module})",
            ["go", "build", *module.flags(), "-o", str(unfinished), module.programs[name]],
            log=binary_directory() / "log" / f"{name}.log",
            directory=module.source,
        )
        unfinished.replace(target)
        target.with_name(f"{name}.stamp").write_text(module.stamp())
