"""Container images without a registry: built with buildah, cached by the hash of what goes in, kept as archives."""

import hashlib
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from support.cluster import host_access, packages
from support.cluster.commands import run
from support.cluster.errors import ClusterError
from support.cluster.fingerprint import fingerprint
from support.cluster.locks import exclusive
from support.cluster.paths import cache_directory
from support.cluster.progress import run_with_progress

_REPOSITORY = "localhost/runnerpool"
_KEPT_VERSIONS = 2
# Of builds in several stages, those of the early ones have no name, so that it cannot be told which are still of use.
_KEPT_LAYERS = 200
_IGNORE = "**/__pycache__\n**/.*_cache\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """An image by name and by the hash of what it is made of; its reference never means two contents."""

    name: str
    key: str

    @property
    def reference(self) -> str:
        return f"{_REPOSITORY}/{self.name}:{self.key[:12]}"

    @property
    def archive(self) -> Path:
        """A docker-archive, as `docker load`, `podman load` and `ctr images import` read it."""
        return image_directory() / f"{self.name}-{self.key[:12]}.tar"

    @property
    def present(self) -> bool:
        return self.archive.exists()


def build(name: str, containerfile: Path, context: Path, build_args: Mapping[str, str]) -> ImageRef:
    """Build an image unless one of the same content is in the cache.

    An argument whose value is the reference of an image from here (BASE_IMAGE, say) makes it available to `FROM`.

    Raises:
        ClusterError: the build failed (with the end of its output), or its tools cannot be had.
    """
    image = ImageRef(name=name, key=fingerprint(containerfile, context, build_args))
    if image.present:
        image.archive.touch()  # what is used is not pruned
        return image
    with build_lock():
        if not image.present:
            produce(image, containerfile, context, build_args)
    return image


def key_of(*inputs: str | bytes) -> str:
    digest = hashlib.sha256()
    for content in inputs:
        raw = content.encode() if isinstance(content, str) else content
        digest.update(f"{len(raw)}\n".encode() + raw)
    return digest.hexdigest()


def build_lock() -> AbstractContextManager[None]:
    """One build at a time: they share buildah's storage, and the disk."""
    return exclusive(image_directory() / ".lock", "building images")


def produce(image: ImageRef, containerfile: Path, context: Path, build_args: Mapping[str, str]) -> None:
    """Build now. The layers stay in buildah's storage, for later builds to go on from. The caller holds the lock."""
    packages.ensure(packages.IMAGES)
    for value in build_args.values():
        if value.startswith(f"{_REPOSITORY}/"):
            _provide(value)
    with tempfile.TemporaryDirectory(prefix="runnerpool-build-") as name:
        scratch = Path(name)
        ignore = scratch / "ignore"
        ignore.write_text(_IGNORE)
        arguments = [
            *("--file", str(containerfile)),
            *("--tag", image.reference),
            *("--isolation", "chroot"),
            *("--ignorefile", str(ignore)),
            "--layers",
            "--pull-never",
            *(option for mount in host_access.mounts(scratch) for option in ("--volume", str(mount))),
            *(option for item in build_args.items() for option in ("--build-arg", "=".join(item))),
        ]
        run_with_progress(
            f"building image {image.name}",
            [*_buildah(), "build", *arguments, str(context)],
            log=image_directory() / "log" / f"{image.name}.log",
        )
    unfinished = image.archive.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    run(*_buildah(), "push", image.reference, f"docker-archive:{unfinished}:{image.reference}")
    unfinished.replace(image.archive)
    _prune(image)


def archived(archive: Path) -> ImageRef:
    """The image whose archive this is.

    Raises:
        ClusterError: it is none of this cache's.
    """
    name, _, key = archive.stem.rpartition("-")
    image = ImageRef(name=name, key=key)
    if not image.present or image.archive != archive.absolute():
        raise ClusterError(
            f"{archive} is no image of this cache; `python -m support.cluster build` makes the base images"
        )
    return image


def superseded(reference: str) -> bool:
    """True for the reference of an image from here whose archive is no longer kept."""
    if not reference.startswith(f"{_REPOSITORY}/"):
        return False
    name, _, key = reference.removeprefix(f"{_REPOSITORY}/").partition(":")
    return not ImageRef(name=name, key=key).present


def image_directory() -> Path:
    return cache_directory() / "images"


def _provide(reference: str) -> None:
    """Have an earlier image in buildah's storage."""
    if run(*_buildah(), "inspect", "--type", "image", reference, check=False).returncode == 0:
        return
    name, _, key = reference.removeprefix(f"{_REPOSITORY}/").partition(":")
    archive = ImageRef(name=name, key=key).archive
    if not archive.exists():
        raise ClusterError(f"image {reference} is not in the cache ({archive}); build it first")
    run(*_buildah(), "pull", f"docker-archive:{archive}")


def _prune(image: ImageRef) -> None:
    """Keep the last few versions of an image, since each takes hundreds of megabytes."""
    archives = [file for file in image_directory().glob("*.tar") if file.name.rpartition("-")[0] == image.name]
    for archive in sorted(archives, key=lambda file: file.stat().st_mtime, reverse=True)[_KEPT_VERSIONS:]:
        archive.unlink()
        key = archive.stem.rpartition("-")[2]
        run(*_buildah(), "rmi", "--force", f"{_REPOSITORY}/{image.name}:{key}", check=False)
    if len(run(*_buildah(), "images", "--all", "--quiet").stdout.split()) > _KEPT_LAYERS:
        run(*_buildah(), "rmi", "--prune", "--force")


def _buildah() -> list[str]:
    storage = cache_directory() / "buildah"
    return [
        "buildah",
        *("--root", str(storage / "root")),
        *("--runroot", str(storage / "run")),
        *("--storage-driver", "overlay"),
    ]
