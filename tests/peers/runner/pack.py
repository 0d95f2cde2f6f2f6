"""Makes the stand-in runner's npm tarball, and installs it, both once per state of its sources."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

SOURCES = Path(__file__).parent
PACKED = ("package.json", "package-lock.json", "README.md", "build.mjs", "src")
TARBALL = "peertube-peertube-runner-0.6.0.tgz"

Say = Callable[[str], None]


def pack(cache_dir: Path, say: Say | None = None) -> Path:
    """Returns the tarball, made from the present sources; it installs without a registry.

    Args:
        cache_dir: where it is kept; a state of the sources that is already packed costs nothing.
        say: told what is being done; by default it goes to stderr.

    Raises:
        RuntimeError: npm is missing or failed; the message holds what it printed.
    """
    place = _place(cache_dir)
    tarball = place / TARBALL
    with FileLock(f"{place}.lock"):
        if not tarball.exists():
            _make(tarball, say or _to_stderr)
    return tarball


def install(cache_dir: Path, say: Say | None = None) -> Path:
    """Returns the program `peertube-runner`, installed by npm from the tarball of the present sources.

    Args:
        cache_dir: see `pack`.
        say: see `pack`.

    Raises:
        RuntimeError: see `pack`.
    """
    tarball = pack(cache_dir, say)
    prefix = tarball.parent / "installed"
    program = prefix / "bin" / "peertube-runner"
    with FileLock(f"{prefix}.lock"):
        if not program.exists():
            install_into(prefix, tarball)
    return program


def install_into(prefix: Path, tarball: Path) -> None:
    """Installs a tarball as `npm install -g` does, without any registry."""
    prefix.mkdir(parents=True, exist_ok=True)
    _npm(prefix, "install", "--global", "--offline", "--prefix", str(prefix), str(tarball))


def _make(tarball: Path, say: Say) -> None:
    tarball.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stand-in-runner-") as name:
        work = Path(name)
        for source in PACKED:
            _copy(SOURCES / source, work / source)
        say("stand-in runner: getting its libraries (npm ci)")
        _npm(work, "ci", "--ignore-scripts")
        say("stand-in runner: packing (npm pack)")
        _npm(work, "pack", "--pack-destination", str(work))
        # The name appears in the cache only when the file is whole.
        partial = tarball.with_suffix(".part")
        shutil.copy(work / TARBALL, partial)
        partial.rename(tarball)
    say(f"stand-in runner: packed {tarball}")


def _place(cache_dir: Path) -> Path:
    digest = hashlib.sha256()
    for path in _files():
        digest.update(f"{path.relative_to(SOURCES)}\0".encode())
        digest.update(path.read_bytes() + b"\0")
    cache_dir.mkdir(parents=True, exist_ok=True)
    return cache_dir / f"stand-in-runner-{digest.hexdigest()[:16]}"


def _files() -> list[Path]:
    tops = [SOURCES / name for name in PACKED]
    return sorted(path for top in tops for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def _npm(directory: Path, *arguments: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is not installed, and the stand-in runner is packed with it: install Node 20 or newer")
    command = [npm, *arguments, "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"npm {arguments[0]} failed in {directory} ({done.returncode}): {done.stderr.strip()}")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
