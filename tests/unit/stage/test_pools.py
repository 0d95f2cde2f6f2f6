from runnerpool.api.parsing import parse_pool
from support.stage.operator import values
from support.stage.pools import PoolOrder, pool_manifest, secret_manifest

ORDER = PoolOrder(
    server_url="http://10.88.0.1:9000",
    password="hunter2",
    lifecycle={"drainTimeoutSeconds": 20},
    env={"STAND_IN_READ_RATE": "1"},
)


def test_the_sample_pool_with_our_fields_is_a_pool_that_the_operator_reads() -> None:
    manifest = pool_manifest(ORDER, "media")
    manifest["metadata"] |= {"uid": "u", "generation": 1, "resourceVersion": "1"}
    pool = parse_pool(manifest)
    assert pool.spec.server.url == "http://10.88.0.1:9000"
    assert pool.spec.scaling.idle_seconds == 5
    assert pool.spec.runner.ffmpeg.threads == 1
    assert pool.spec.lifecycle.drain_timeout_seconds == 20
    assert [(env.name, env.value) for env in pool.spec.pod_template.env] == [("STAND_IN_READ_RATE", "1")]


def test_the_secret_is_the_one_that_the_pool_names_and_the_pool_does_not_hold_the_password() -> None:
    secret, pool = secret_manifest(ORDER, "media"), pool_manifest(ORDER, "media")
    assert pool["spec"]["server"]["credentialsRef"]["name"] == secret["metadata"]["name"]
    assert secret["metadata"]["namespace"] == pool["metadata"]["namespace"] == "media"
    assert secret["stringData"] == {"url": "http://10.88.0.1:9000", "username": "root", "password": "hunter2"}
    assert "hunter2" not in str(pool)


def test_the_chart_is_told_to_use_the_images_that_the_node_has() -> None:
    assert values("localhost/runnerpool-operator:abc", "localhost/runnerpool-runner:def") == {
        "image": {"repository": "localhost/runnerpool-operator", "tag": "abc", "pullPolicy": "Never"},
        "runnerImage": {"repository": "localhost/runnerpool-runner", "tag": "def"},
    }
