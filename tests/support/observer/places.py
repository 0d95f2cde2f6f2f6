"""Where a secret could have gone besides the objects of a namespace: etcd, processes, metrics."""

import asyncio

import httpx

from support.cluster.backends import ClusterBackend
from support.observer import etcd, nodes, procfs
from support.observer.records import Text

_METRICS = "/api/v1/namespaces/{namespace}/pods/{pod}:8080/proxy/metrics"
_METRICS_SECONDS = 3.0
OPERATOR_NAMESPACE = "runnerpool-system"


def revision(cluster: ClusterBackend) -> int:
    """How far etcd is, for `look`; 0 where there is none to be had."""
    port = _etcd_port(cluster)
    return 0 if port is None else etcd.newest_revision(port)


async def look(http: httpx.AsyncClient, cluster: ClusterBackend, namespace: str, *, since: int = 0) -> list[Text]:
    """What stands there now; what cannot be reached (no such pod, no etcd to be had) is left out.

    Args:
        http: to the API server.
        cluster: it.
        namespace: whose pods tell their metrics.
        since: what etcd has kept since before this revision is left out.
    """
    port = _etcd_port(cluster)
    keys = await asyncio.to_thread(etcd.outside_secrets, port, since=since) if port is not None else []
    processes = await asyncio.to_thread(procfs.arguments_and_environments)
    metrics = [text for place in (namespace, OPERATOR_NAMESPACE) for text in await _metrics(http, place)]
    return [*keys, *processes, *metrics]


def _etcd_port(cluster: ClusterBackend) -> int | None:
    port: int | None = getattr(cluster, "etcd_port", None)
    return port


async def _metrics(http: httpx.AsyncClient, namespace: str) -> list[Text]:
    """`/metrics` of all pods that run in a namespace; operator and agents both tell theirs on port 8080."""
    try:
        listed = (await http.get(f"/api/v1/namespaces/{namespace}/pods", timeout=_METRICS_SECONDS)).json()
    except (httpx.HTTPError, ValueError):
        return []
    fake = await nodes.without_kubelet(http)
    running = [pod for pod in listed.get("items") or () if pod.get("status", {}).get("phase") == "Running"]
    names = [pod["metadata"]["name"] for pod in running if pod["spec"].get("nodeName", "") not in {"", *fake}]
    answers = await asyncio.gather(*(_metrics_of(http, namespace, name) for name in names))
    return [text for text in answers if text is not None]


async def _metrics_of(http: httpx.AsyncClient, namespace: str, pod: str) -> Text | None:
    try:
        answer = await http.get(_METRICS.format(namespace=namespace, pod=pod), timeout=_METRICS_SECONDS)
    except httpx.HTTPError:
        return None
    return Text(place=f"metrics of pod {namespace}/{pod}", content=answer.content) if answer.is_success else None
