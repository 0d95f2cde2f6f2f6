"""Which nodes have a kubelet: only there a pod has a log and answers."""

import httpx

_FAKE = "kwok.x-k8s.io/node"


async def without_kubelet(http: httpx.AsyncClient) -> frozenset[str]:
    """Names of nodes that KWOK plays; to ask one for a log takes until the time for it is up."""
    try:
        answer = await http.get("/api/v1/nodes", timeout=10)
        nodes = answer.json().get("items") or ()
    except (httpx.HTTPError, ValueError):
        return frozenset()
    marked = (node["metadata"] for node in nodes if _FAKE in (node["metadata"].get("annotations") or {}))
    return frozenset(str(metadata["name"]) for metadata in marked)
