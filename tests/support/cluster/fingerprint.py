"""What an image is made of, as one hash: its Containerfile, its arguments and every file that it copies."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from support.cluster.errors import ClusterError

_IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
_INSTRUCTION = re.compile(r"^\s*(?P<name>COPY|ADD|ARG)\s+(?P<rest>.+)$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|(?P<bare>\w+))")


def fingerprint(containerfile: Path, context: Path, build_args: Mapping[str, str]) -> str:
    """The hash of all that goes into the image but the packages that its commands fetch.

    Raises:
        ClusterError: the Containerfile copies something that is not there.
    """
    digest = hashlib.sha256()
    text = containerfile.read_text()
    _add(digest, "Containerfile", text.encode())
    _add(digest, "arguments", json.dumps(dict(build_args), sort_keys=True).encode())
    for source in copied(text, build_args):
        for file in _files(context, source, containerfile):
            executable = bool(file.stat().st_mode & 0o100)
            _add(digest, f"{file.relative_to(context)} {executable}", file.read_bytes())
    return digest.hexdigest()


def copied(text: str, build_args: Mapping[str, str]) -> Iterator[str]:
    """What the Containerfile takes from its context, in the order of its lines, with arguments filled in."""
    values = dict(build_args)
    for line in _logical_lines(text):
        found = _INSTRUCTION.match(line)
        if not found:
            continue
        if found["name"].upper() == "ARG":
            name, _, default = found["rest"].strip().partition("=")
            values.setdefault(name, default.strip("\"'"))
            continue
        yield from (_filled_in(source, values) for source in _sources(found["rest"]))


def _sources(rest: str) -> list[str]:
    words = rest.split()
    flags = [word for word in words if word.startswith("--")]
    if any(flag.startswith("--from=") for flag in flags):
        return []
    operands = " ".join(word for word in words if not word.startswith("--"))
    paths = json.loads(operands) if operands.startswith("[") else operands.split()
    return [path for path in paths[:-1] if "://" not in path]


def _logical_lines(text: str) -> list[str]:
    uncommented = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return uncommented.replace("\\\n", " ").splitlines()


def _filled_in(source: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(
        lambda found: values.get(found["braced"] or found["bare"]) or found["default"] or "",
        source,
    )


def _files(context: Path, source: str, containerfile: Path) -> list[Path]:
    matched = sorted(context.glob(source.strip("/"))) if source.strip("/.") else [context]
    if not matched:
        raise ClusterError(f"{containerfile} copies {source}, which is not in its context {context}")
    files = [file for match in matched for file in (match.rglob("*") if match.is_dir() else [match])]
    return sorted(file for file in files if file.is_file() and _IGNORED.isdisjoint(file.parts))


def _add(digest: "hashlib._Hash", name: str, content: bytes) -> None:
    digest.update(f"{name} {len(content)}\n".encode())
    digest.update(content)
