"""What a pool must not leave behind."""

from typing import Protocol

from peers.peertube.client import SimulationClient
from support.stage import pools
from support.stage.kube import KubeReader


class Registry(Protocol):
    """A server, as far as its runners go."""

    @property
    def client(self) -> SimulationClient: ...


OF_THE_USER = frozenset({"peertube-admin", pools.CA_SECRET})


def leftovers(reader: KubeReader, server: Registry, namespace: str) -> list[str]:
    """Runner pods, their Secrets and their rows on the server that are there now."""
    pods = [f"pod {pod['metadata']['name']}" for pod in reader.pods(namespace)]
    names = [secret["metadata"]["name"] for secret in reader.secrets(namespace)]
    rows = [f"runner {row['name']}" for row in server.client.runners()]
    return [*pods, *(f"Secret {name}" for name in names if name not in OF_THE_USER), *rows]
