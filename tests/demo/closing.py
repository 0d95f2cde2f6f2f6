"""What the demo says at its end."""

from collections.abc import Mapping

from rich.table import Table

from demo.view import kind
from support.stage.figures import Figures


def summary(figures: Figures, *, results: int, most_pods: int, cores: int) -> Table:
    """The run in figures."""
    table = Table(title="All transcoded, checked and gone", title_justify="left", show_header=False)
    table.add_row("jobs", f"{sum(figures.jobs.values())} completed: {_by_kind(figures.jobs)}")
    table.add_row("results", f"{results} files, each as ordered by ffprobe: resolution, length, codecs")
    table.add_row("pods", f"{len(figures.runners)} in all, {most_pods} at once, 0 left; no runner row or Secret left")
    table.add_row("wall time", f"{figures.wall_seconds:.1f} s from the first job in the queue to the last result")
    table.add_row("busy time", f"{figures.busy_seconds:.1f} s of jobs in the hand of a runner")
    table.add_row("parallelism", f"{figures.parallelism:.2f} (busy / wall) on {cores} cores")
    return table


def how_to_look(kubeconfig: str, path: str, *, namespace: str, server: str, data: str) -> str:
    """Commands for whoever keeps the demo standing."""
    return f"""\
The demo stands. To look around:
  export KUBECONFIG={kubeconfig}
  export PATH={path}:$PATH
  kubectl get trp --all-namespaces                 # the pool in one line
  kubectl describe trp vod --namespace {namespace}       # why it has as many pods as it has
  kubectl explain trp.spec.scaling                 # what can be set
  kubectl get pods --namespace {namespace} --watch       # runner pods that come and go
  kubectl logs deployment/runnerpool --namespace runnerpool-system
  curl {server}/simulation/videos  # what the simulated PeerTube has
  ls {data}
To see pods come again, put six more jobs into its queue:
  curl --json '{{"type": "vod-hls-transcoding", "count": 6, "file": true, "seconds": 20}}' {server}/simulation/jobs
To take it down:
  PYTHONPATH=tests .venv/bin/python -m demo --down"""


def _by_kind(jobs: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind(name)}" for name, count in sorted(jobs.items(), key=lambda item: -item[1]))
