"""The installed operator and a place to try it on, as pytest fixtures."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.cluster import requirements
from support.cluster.backends import ClusterBackend
from support.cluster.fixtures import shared_node
from support.cluster.local import LocalCluster
from support.observer.observer import Observer
from support.observer.records import text_of
from support.stage import images
from support.stage.images import Images
from support.stage.kube import KubeReader, kube_reader
from support.stage.operator import Operator
from support.stage.operatorlog import complaints_of
from support.stage.shared_plane import SharedPlane, plane_of
from support.stage.site import Site, site

SiteMaker = Callable[..., Site]
"""Makes a place; keywords as of `support.stage.site.site`."""


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build the images that the collected tests need before the first test's timeout begins to count."""
    if session.config.option.collectonly or shared_node(session.config) or requirements.unmet(node=True):
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if "operator" not in wanted:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        images.build(images.stand_in())


@pytest.fixture(scope="session")
def plane(pytestconfig: pytest.Config) -> SharedPlane:
    """The control plane that all processes of the run share."""
    return plane_of(pytestconfig)


@pytest.fixture(scope="session")
def control_plane(plane: SharedPlane) -> LocalCluster:
    """API server, controller manager and scheduler, no node: pods stay Pending unless the test plays their life."""
    return LocalCluster(name=plane.name)


@pytest.fixture(scope="session")
def operator_kubeconfig(plane: SharedPlane) -> Path:
    """The rights that the chart gives to the operator, and no others; the CRD is installed with them."""
    return Path(plane.kubeconfig)


@pytest.fixture(scope="session")
def operator_images(node_cluster: ClusterBackend) -> Images:
    """Operator and runner, on the node; the runner is the stand-in, whose jobs can be made to last."""
    built = images.build(images.stand_in())
    for image in built:
        node_cluster.load(image)
    return built


@pytest.fixture(scope="session")
def kube(node_cluster: ClusterBackend) -> Iterator[KubeReader]:
    with kube_reader(node_cluster) as reader:
        yield reader


@pytest.fixture(scope="session")
def operator(
    pytestconfig: pytest.Config,
    node_cluster: ClusterBackend,
    operator_images: Images,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    """The operator in the cluster, installed from the chart, under its own rights."""
    installed = Operator(node_cluster, tmp_path_factory.mktemp("operator-log"))
    if shared_node(pytestconfig):
        installed.follow()
        yield installed
        installed.stop_following()
        return
    installed.install(operator_images.operator.reference, operator_images.runner.reference)
    yield installed
    installed.stop_following()
    if not node_cluster.disposable:
        installed.remove()


@pytest.fixture
def new_site(operator: Operator, observer: Observer, kube: KubeReader, tmp_path: Path) -> Iterator[SiteMaker]:
    """Makes places, under observation; afterwards the operator's log is scanned for faults and for their secrets."""
    sites: list[Site] = []
    with ExitStack() as stack:

        def make(**order: Any) -> Site:
            sites.append(stack.enter_context(site(observer, kube, tmp_path, **order)))
            return sites[-1]

        yield make
    for made in sites:
        observer.keep(made.namespace, (text_of(log) for log in operator.log_files()))
    secrets = [made.server.password for made in sites]
    logs = [*operator.log_files(), *tmp_path.glob("agent-*.log")]
    assert complaints_of(logs, secrets) == []


@pytest.fixture
def here(new_site: SiteMaker) -> Site:
    """A restricted namespace and a PeerTube server."""
    return new_site()
