"""How a build inside a container reaches the package registries: as this machine does, by mounts, never by copies.

A bare base image trusts no more than its own list of authorities and knows no mirror. So what this machine's clients
are configured with is mounted while the build's commands run. Of each mounted file, an empty one stays in the image.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_INSIDE_AUTHORITIES = "/run/host/ca-certificates.crt"
_SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "retries")
_NPM_SETTINGS = ("registry", "proxy", "https-proxy", "noproxy", "strict-ssl")
_APT_SETTINGS = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::Force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    source: Path
    target: str

    def __str__(self) -> str:
        return f"{self.source}:{self.target}:ro"


def mounts(directory: Path) -> list[Mount]:
    """Write client configurations like this machine's to `directory`, and say where a build expects them."""
    authorities = host_authorities()
    files = {
        "/etc/pip.conf": pip_configuration(_pip_settings()),
        "/root/.npmrc": npm_configuration(_npm_settings()),
        "/etc/apt/apt.conf.d/99host": apt_configuration() + f'Acquire::https::CAInfo "{_INSIDE_AUTHORITIES}";\n',
    }
    made = []
    for target, text in files.items():
        source = directory / Path(target).name
        source.write_text(text)
        made.append(Mount(source=source, target=target))
    return [*made, Mount(source=authorities, target=_INSIDE_AUTHORITIES)]


def host_authorities() -> Path:
    """The bundle of certificate authorities that this machine's programs trust."""
    named = os.environ.get("SSL_CERT_FILE")
    return Path(named) if named and Path(named).exists() else _SYSTEM_AUTHORITIES


def pip_configuration(settings: Mapping[str, str]) -> str:
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[global]", f"cert = {_INSIDE_AUTHORITIES}", *lines]) + "\n"


def npm_configuration(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in {"cafile": _INSIDE_AUTHORITIES, **settings}.items())


def apt_configuration() -> str:
    run = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=True)
    kept = [line for line in run.stdout.splitlines() if line.startswith(_APT_SETTINGS) and not line.endswith('"";')]
    return "".join(f"{line}\n" for line in kept)


def _pip_settings() -> dict[str, str]:
    run = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings: dict[str, str] = {}
    for line in run.stdout.splitlines():
        # "global.index-url='…'" from a file, ":env:.index-url='…'" from the environment, which comes first and wins.
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in _PIP_SETTINGS:
            settings.setdefault(name, value.strip("'"))
    return settings


def _npm_settings() -> dict[str, str]:
    if shutil.which("npm") is None:
        return {}
    run = subprocess.run(["npm", "config", "list", "--json"], capture_output=True, text=True, check=False)
    known = json.loads(run.stdout or "{}")
    return {name: str(known[name]) for name in _NPM_SETTINGS if known.get(name) not in (None, "")}
