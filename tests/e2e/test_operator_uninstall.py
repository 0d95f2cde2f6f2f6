"""`helm uninstall` of a release that still has pools: the hook runs as a pod, under its own rights."""

import time

import pytest

from support.cluster.backends import ClusterBackend
from support.packaging.helm import HelmError
from support.reliability.case import Case
from support.stage.fixtures import SiteMaker
from support.stage.images import Images
from support.stage.operator import Operator
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

GONE_SECONDS = 60


@pytest.mark.fault("Uninstall")
def test_a_release_is_not_uninstalled_while_there_is_a_pool_and_is_when_there_is_none(
    operator: Operator, operator_images: Images, new_site: SiteMaker, case: Case
) -> None:
    here = new_site()
    here.create_pool()
    pods = operator.pods()

    begin = time.monotonic()
    with pytest.raises(HelmError, match="runnerpool-uninstall-needs-no-pools"):
        operator.uninstall()
    case.told("runnerpool-uninstall-needs-no-pools", time.monotonic() - begin)

    assert operator.pods() == pods
    assert here.pool() is not None
    told = operator.refusal()
    assert f"{here.namespace}/vod" in told
    assert f"kubectl delete transcodingrunnerpools --all --namespace {here.namespace}" in told

    here.kubectl("delete", "trp", "vod")
    until(lambda: here.pool() is None, "the end of the pool", seconds=GONE_SECONDS, evidence=here.describe)
    until(lambda: not _pools(here.cluster), "the end of all pools of tests before", seconds=GONE_SECONDS)
    begin = time.monotonic()
    operator.uninstall()
    try:
        until(lambda: not operator.pods(), "the end of the operator's pod", seconds=GONE_SECONDS)
        case.healed(time.monotonic() - begin)
    finally:
        operator.install(operator_images.operator.reference, operator_images.runner.reference)


def _pools(cluster: ClusterBackend) -> list[str]:
    return cluster.kubectl("get", "trp", "--all-namespaces", "--output=name").stdout.split()
