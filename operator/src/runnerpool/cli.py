"""The command line: argv and environment → Settings → wiring → run → exit code."""

import asyncio
import os
from enum import StrEnum
from typing import Annotated

import typer

import runnerpool
from runnerpool import logs
from runnerpool.api.ownership import fits
from runnerpool.process import run_until_stopped
from runnerpool.settings import Settings
from runnerpool.uninstall import check_uninstall as look_for_pools

app = typer.Typer(
    help="Keeps a PeerTube instance's remote runners the right number, the right size and healthy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


class LogLevel(StrEnum):
    """From what weight on a line is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a line looks."""

    JSON = "json"
    TEXT = "text"


def _fit_for_marks(cluster_id: str | None) -> str | None:
    """Refuse at the start what every registration would fail by. "" is none, as in the chart."""
    if cluster_id and not fits(cluster_id):
        raise typer.BadParameter(
            "must be 1 to 128 letters, digits, '.', '_' and '-', a letter or digit first and last; write another one, "
            "or leave the option out"
        )
    return cluster_id


_ClusterId = Annotated[
    str | None,
    typer.Option(
        callback=_fit_for_marks, help="Id that our marks carry on the server. Default: UID of namespace kube-system."
    ),
]
_Kubeconfig = Annotated[
    str | None, typer.Option(envvar="KUBECONFIG", help="Kubeconfig file. Default: the pod's ServiceAccount.")
]
_PollPeriod = Annotated[
    float, typer.Option(min=1, max=300, help="Time between two looks at a server's queue, at least.")
]
_LeaderElection = Annotated[
    bool,
    typer.Option(
        "--leader-election/--no-leader-election",
        help="Act only while holding a Lease: needed where several replicas serve the same pools.",
    ),
]
_LeaseIdentity = Annotated[
    str | None,
    typer.Option(help="Who we are in the Lease: no two processes at once. Default: host name and a random id."),
]


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(runnerpool.__version__)


@app.command()
def run(  # noqa: PLR0913 -- one parameter an option
    *,
    runner_image: Annotated[str, typer.Option(help="Image of runner pods whose pool names none.")],
    namespace: Annotated[
        list[str] | None, typer.Option(help="Namespace to watch; may be given more than once. Default: all.")
    ] = None,
    cluster_id: _ClusterId = None,
    kubeconfig: _Kubeconfig = None,
    poll_period_seconds: _PollPeriod = 5.0,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics.")] = 8080,
    health_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /healthz and /readyz.")] = 8081,
    leader_election: _LeaderElection = False,
    lease_name: Annotated[str, typer.Option(help="Name of the Lease, the same for all replicas.")] = "runnerpool",
    lease_namespace: Annotated[str | None, typer.Option(help="Namespace of the Lease. Default: the pod's own.")] = None,
    lease_identity: _LeaseIdentity = None,
    log_level: Annotated[LogLevel, typer.Option(help="Lines of this weight and more.")] = LogLevel.INFO,
    log_format: Annotated[LogFormat, typer.Option(help="json for machines, text for people.")] = LogFormat.JSON,
) -> None:
    """Run the operator until SIGTERM or SIGINT. Runner pods are left as they are."""
    if kubeconfig is not None:
        os.environ["KUBECONFIG"] = kubeconfig  # the only place where kopf looks for it
    logs.configure(level=log_level, as_json=log_format is LogFormat.JSON)
    settings = Settings(
        runner_image=runner_image,
        namespaces=tuple(namespace or ()),
        cluster_id=cluster_id,
        kubeconfig=kubeconfig,
        poll_period_seconds=poll_period_seconds,
        metrics_port=metrics_port,
        health_port=health_port,
        leader_election=leader_election,
        lease_name=lease_name,
        lease_namespace=lease_namespace,
        lease_identity=lease_identity,
    )
    raise typer.Exit(asyncio.run(run_until_stopped(settings)))


@app.command()
def check_uninstall(
    *,
    namespace: Annotated[
        list[str] | None, typer.Option(help="Namespace that is served; may be given more than once. Default: all.")
    ] = None,
    kubeconfig: _Kubeconfig = None,
) -> None:
    """Exit with 1, and say what to do, while pools are left. The chart runs this before `helm uninstall`."""
    verdict = asyncio.run(look_for_pools(kubeconfig, tuple(namespace or ())))
    typer.echo(verdict.message)
    raise typer.Exit(0 if verdict.allowed else 1)


def main() -> None:
    """Entry point of the `runnerpool` command."""
    app()
