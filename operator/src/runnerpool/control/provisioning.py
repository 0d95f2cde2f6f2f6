"""From a reserved ordinal to a runner pod at work: gated pod → runner registered → Secret → gate removed.

The pod comes first: quota and Pod Security refuse before anything is registered, and its name is the record by which
whatever a crash leaves behind is found.
"""

from runnerpool.api.ownership import OwnershipMark
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import AlreadyExists, ClusterError, NameCollision
from runnerpool.control.ports import Cluster, ServerLink
from runnerpool.manifests.agent_secret import agent_secret
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import runner_pod


class Provisioner:
    """Brings the pods of one pool up. Every method may be repeated after a crash at any point."""

    def __init__(
        self, pool: Pool, inputs: PodInputs | None, *, cluster: Cluster, link: ServerLink | None, cluster_id: str
    ) -> None:
        self._pool = pool
        self._cluster = cluster
        self._link = link
        self._inputs = inputs
        self._cluster_id = cluster_id

    async def create(self, ordinal: int) -> None:
        """Create the gated pod of a reserved ordinal, and complete it.

        A pod of ours of that name is left to the next pass, whose LIST shows it.

        Raises:
            NameCollision: Somebody else's pod bears the name.
            ClusterError, PeerTubeError: Some part of it failed.
        """
        manifest = runner_pod(self._pool, ordinal, self._known_inputs(f"pod number {ordinal}"))
        try:
            uid = await self._cluster.create_pod(manifest)
        except AlreadyExists:
            await self._check_owner(manifest["metadata"]["name"])
            return
        await self.complete(manifest["metadata"]["name"], uid)

    async def _check_owner(self, pod: str) -> None:
        owner = await self._cluster.pod_controller(self._pool.namespace, pod)
        if owner not in {None, self._pool.uid}:
            message = (
                f"pod {self._pool.namespace}/{pod} is there and belongs to something else; the pool takes the next "
                "name, and leaves that pod alone: find out who makes it"
            )
            raise NameCollision(Reason.NAME_COLLISION, message)

    async def complete(self, pod: str, uid: str) -> None:
        """Register the runner of a gated pod unless that is done, hand the token over, take the gate off.

        Raises:
            ClusterError, PeerTubeError: Some part of it failed; the pod stays gated.
        """
        owner = await self._cluster.secret_owner(self._pool.namespace, pod)
        if owner is None:
            await self._register(pod, uid)
        elif owner != uid:
            # Left by an earlier pod of that name, which ordinals rule out, or somebody else's: never overwritten.
            message = f"Secret {self._pool.namespace}/{pod} belongs to something else; delete it"
            raise ClusterError(Reason.NAME_TAKEN, message)
        await self._cluster.ungate_pod(self._pool.namespace, pod, uid)

    async def _register(self, pod: str, uid: str) -> None:
        inputs = self._known_inputs(f"pod {pod}")
        if self._link is None:
            message = f"pod {pod} waits for its runner's registration until the server can be asked"
            raise ClusterError(Reason.WAITING_FOR_SERVER, message)
        mark = OwnershipMark(
            cluster_id=self._cluster_id,
            namespace=self._pool.namespace,
            pool=self._pool.name,
            pool_uid=self._pool.uid,
            pod=pod,
        )
        description = mark.text()
        token = await self._link.register(pod, description)
        await self._cluster.create_secret(
            agent_secret(self._pool, inputs, pod=pod, pod_uid=uid, token=token, description=description)
        )

    def _known_inputs(self, what: str) -> PodInputs:
        if self._inputs is None:
            message = f"{what} waits until the pool's CA bundle can be read"
            raise ClusterError(Reason.WAITING_FOR_SERVER, message)
        return self._inputs
