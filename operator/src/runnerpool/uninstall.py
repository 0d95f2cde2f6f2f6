"""The check before `helm uninstall`: it is refused while pools are left that only the operator can let go."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from kubernetes.aio import config

from runnerpool.api import names
from runnerpool.api.counting import counted
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import ClusterError, NotFound, Unavailable
from runnerpool.cluster.login import load_login
from runnerpool.metrics import Metrics

_PAGE = "500"
_SHOWN = 5
_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
"""Between two questions to an API server that does not answer: it is being upgraded, or its certificates are."""

_ABANDON = """\
To abandon the pools as they are: helm uninstall --no-hooks. Where hooks cannot be turned off, set
uninstall.abandonPools=true by an upgrade before the first attempt to uninstall."""
_WHAT_IT_MEANS = """\
Abandoned, pods go on, nothing is scaled, runners stay in PeerTube's list, and deleted pools and namespaces wait for
the finalizer {finalizer}. Taking it off lets a pool go, and its pods with it, whatever they are working on:
  kubectl patch {plural} {name} --namespace {namespace} --type=merge --patch '{{"metadata":{{"finalizers":null}}}}'"""
_KEEP = """\
To keep the release after all: helm rollback RELEASE REVISION, with the last revision in `helm history RELEASE`."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PoolLeft:
    """A pool that is still there, being deleted or not."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the release may go; the message is for the person who asked."""

    allowed: bool
    message: str


async def check_uninstall(kubeconfig: str | None, namespaces: Sequence[str]) -> Verdict:
    """Look for pools where the operator serves them. What cannot be looked at is not taken for empty.

    Args:
        kubeconfig: File with the way to the API server; None means the pod's own ServiceAccount.
        namespaces: Namespaces that the release serves; empty means all of the cluster.
    """
    try:
        login = await load_login(kubeconfig)
    except (config.ConfigException, OSError) as error:
        return _unknown(f"no way to the API server: {error}; give --kubeconfig, or run in a pod with a ServiceAccount")
    api = KubeApi(login.configuration, Metrics(), read_again=login.read)
    try:
        return judge([pool for namespace in namespaces or ("",) for pool in await _patiently(api, namespace)])
    except ClusterError as error:
        return _unknown(f"{error.message} ({error.reason})")
    finally:
        await api.close()


def judge(pools: Sequence[PoolLeft]) -> Verdict:
    """The verdict on a release of whose pools these are left."""
    if not pools:
        return Verdict(allowed=True, message=f"No {names.KIND} is left: the release may go.")
    pools = sorted(pools)
    shown = [f"{pool.namespace}/{pool.name}" for pool in pools[:_SHOWN]]
    more = f" and {len(pools) - _SHOWN} more" if len(pools) > _SHOWN else ""
    where = sorted({pool.namespace for pool in pools})
    deletions = [f"  kubectl delete {names.PLURAL} --all --namespace {namespace}" for namespace in where[:_SHOWN]]
    example = {"finalizer": names.FINALIZER, "plural": names.PLURAL}
    example |= {"name": pools[0].name, "namespace": pools[0].namespace}
    lines = [
        f"Refused: {counted(len(pools), names.KIND, 'are')} left: {', '.join(shown)}{more}.",
        "Delete them while the operator is there to drain them, wait until they are gone, and uninstall again:",
        *deletions,
        *(["  … and so in the other namespaces"] if len(where) > _SHOWN else []),
        _ABANDON,
        _WHAT_IT_MEANS.format_map(example),
        _KEEP,
    ]
    return Verdict(allowed=False, message="\n".join(lines))


def _unknown(cause: str) -> Verdict:
    text = f"Refused: it cannot be told whether a {names.KIND} is left: {cause}.\n{_ABANDON}\n{_KEEP}"
    return Verdict(allowed=False, message=text)


async def _patiently(api: KubeApi, namespace: str) -> list[PoolLeft]:
    for pause in _PAUSES_SECONDS:
        try:
            return await _pools_in(api, namespace)
        except Unavailable:
            await asyncio.sleep(pause)
    return await _pools_in(api, namespace)


async def _pools_in(api: KubeApi, namespace: str) -> list[PoolLeft]:
    """All pools of a namespace, or of the cluster for ""; none if the resource itself has gone."""
    scope = f"namespaces/{namespace}/" if namespace else ""
    path = f"/apis/{names.API_VERSION}/{scope}{names.PLURAL}"
    query = {"limit": _PAGE}
    found: list[PoolLeft] = []
    while True:
        try:
            page = await api.call("GET", path, query=query)
        except NotFound:
            return []
        items = [item["metadata"] for item in page.get("items") or ()]
        found += [PoolLeft(namespace=item["namespace"], name=item["name"]) for item in items]
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return found
        query = {**query, "continue": following}
