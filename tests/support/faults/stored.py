"""Objects changed where the API server keeps them, past its judgement: what an older CRD let in is still there."""

import base64
import json
from collections.abc import Callable

from support.faults.stage import FaultStage
from support.observer import etcd
from support.stage.kube import Json

_POOL_KEY = "/registry/runnerpool.dev/transcodingrunnerpools/{namespace}/{name}"


def change_stored_pool(stage: FaultStage, change: Callable[[Json], None], name: str = "vod") -> None:
    """Change a pool in etcd, through its JSON gateway; its readers hear of it as of any change."""
    key = _encoded(_POOL_KEY.format(namespace=stage.namespace, name=name).encode())
    port = stage.cluster.etcd_port
    with etcd.client(port) as http:
        answer = http.post("/v3/kv/range", json={"key": key})
        answer.raise_for_status()
        (pair,) = answer.json()["kvs"]
        pool = json.loads(base64.b64decode(pair["value"]))
        change(pool)
        put = {"key": key, "value": _encoded(json.dumps(pool).encode())}
        http.post("/v3/kv/put", json=put).raise_for_status()


def _encoded(text: bytes) -> str:
    return base64.b64encode(text).decode()
