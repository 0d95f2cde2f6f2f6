"""This machine's clusters: a directory and a record each, so that none takes another's ports or leaves its remains."""

import json
import os
import random
import shutil
import socket
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.locks import exclusive
from support.cluster.paths import cache_directory
from support.cluster.processes import ProcessIdentity, identify

PORT_NAMES = ("etcd", "etcd-peer", "api", "controller-manager", "scheduler", "kubelet", "kubelet-health")
# Below the range from which the kernel takes ports for outgoing connections, and off the usual node ports.
_PORTS = range(20000, 29999)
_KEPT_LOGS_SECONDS = 24 * 3600
_SOCKET_PATH_BYTES = 107


@dataclass(slots=True, kw_only=True)
class Instance:
    name: str
    directory: Path
    node: bool
    owner: ProcessIdentity | None  # None: stands until it is taken down
    ports: dict[str, int]
    processes: list[ProcessIdentity] = field(default_factory=list)

    @property
    def abandoned(self) -> bool:
        if self.owner is not None:
            return not self.owner.alive
        return bool(self.processes) and not any(process.alive for process in self.processes)

    def log(self, name: str) -> Path:
        return self.directory / "log" / f"{name}.log"

    def started(self, process: ProcessIdentity) -> ProcessIdentity:
        self.processes.append(process)
        self.save()
        return process

    def save(self) -> None:
        document = asdict(self) | {"directory": str(self.directory)}
        unfinished = _record(self.directory).with_suffix(".new")
        unfinished.write_text(json.dumps(document, indent=1))
        unfinished.replace(_record(self.directory))

    def discard(self) -> None:
        """Remove all but the logs, which stay for a day."""
        _record(self.directory).unlink(missing_ok=True)
        for entry in self.directory.iterdir():
            if entry.name == "log":
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def machine_lock() -> AbstractContextManager[None]:
    return exclusive(_root() / ".lock", "registering a cluster")


def create(name: str, *, node: bool, outlives_starter: bool) -> Instance:
    """Make the record and the directory of a new cluster. The caller holds `machine_lock`."""
    if find(name) is not None:
        raise ClusterError(f"cluster {name} exists already; `python -m support.cluster down --name {name}` removes it")
    directory = _root() / name
    longest = len(str(directory / "containerd.sock.ttrpc"))
    if longest > _SOCKET_PATH_BYTES:
        raise ClusterError(f"{directory} is too long a path for a Unix socket; set RUNNERPOOL_CACHE to a shorter one")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    taken = {port for other in every() for port in other.ports.values()}
    owner = None if outlives_starter else identify("owner", os.getpid())
    instance = Instance(name=name, directory=directory, node=node, owner=owner, ports=_free_ports(taken))
    instance.save()
    return instance


def find(name: str) -> Instance | None:
    path = _record(_root() / name)
    return _load(path) if path.exists() else None


def every() -> list[Instance]:
    return [_load(path) for path in sorted(_root().glob("*/instance.json"))]


def forget_old_logs() -> None:
    """Remove directories of clusters that were taken down long ago. The caller holds `machine_lock`."""
    for directory in _root().glob("*/"):
        old = time.time() - directory.stat().st_mtime > _KEPT_LOGS_SECONDS
        if old and not _record(directory).exists():
            shutil.rmtree(directory, ignore_errors=True)


def _root() -> Path:
    return cache_directory() / "clusters"


def _record(directory: Path) -> Path:
    return directory / "instance.json"


def _load(path: Path) -> Instance:
    document = json.loads(path.read_text())
    owner = document.pop("owner")
    return Instance(
        **document
        | {
            "directory": Path(document["directory"]),
            "owner": ProcessIdentity(**owner) if owner else None,
            "processes": [ProcessIdentity(**process) for process in document["processes"]],
        }
    )


def _free_ports(taken: set[int]) -> dict[str, int]:
    ports: dict[str, int] = {}
    candidates = iter(random.sample(_PORTS, k=len(_PORTS)))
    for name in PORT_NAMES:
        ports[name] = next(port for port in candidates if port not in taken and _bindable(port))
    return ports


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
