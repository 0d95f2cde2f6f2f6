from runnerpool.api.identity import PoolIdentity
from support.builders import POOL_UID, pool_body


def test_the_identity_of_a_pool_is_readable_though_its_spec_is_not():
    body = pool_body({"nonsense": True}, generation=7)

    assert PoolIdentity.of(body) == PoolIdentity(namespace="media", name="vod", uid=POOL_UID, generation=7)
