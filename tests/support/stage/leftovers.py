"""What a pool must not leave behind."""

from typing import Protocol

from peers.peertube.client import SimulationClient
from support.stage.kube import KubeReader


class Registry(Protocol):
    """A server, as far as its runners go."""

    @property
    def client(self) -> SimulationClient: ...


CREDENTIALS = "peertube-admin"


def leftovers(reader: KubeReader, server: Registry, namespace: str) -> list[str]:
    """Runner pods, their Secrets and their rows on the server that are there now; the login's Secret is the user's."""
    pods = [f"pod {pod['metadata']['name']}" for pod in reader.pods(namespace)]
    names = [secret["metadata"]["name"] for secret in reader.secrets(namespace)]
    rows = [f"runner {row['name']}" for row in server.client.runners()]
    return [*pods, *(f"Secret {name}" for name in names if name != CREDENTIALS), *rows]
