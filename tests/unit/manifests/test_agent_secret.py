import base64
import json

import pytest
from pydantic import SecretStr

from runnerpool.manifests.agent_secret import agent_secret
from runnerpool.manifests.inputs import PodInputs
from support.builders import make_pool

CA = "-----BEGIN CERTIFICATE-----"
TOKEN = "ptrt-0123456789"


def secret_of(**parts):
    return agent_secret(
        make_pool(**parts),
        PodInputs(default_image="localhost/runner:1", ca_bundle=CA),
        pod="vod-0a1b2-7",
        pod_uid="pod-uid",
        token=SecretStr(TOKEN),
        description="whose it is",
    )


def settings_of(**parts):
    return json.loads(base64.b64decode(secret_of(**parts)["data"]["agent.json"]))


def test_the_agent_is_told_what_the_contract_says():
    settings = settings_of(
        jobTypes=["vod-web-video-transcoding", "vod-hls-transcoding"],
        runner={"concurrency": 2, "ffmpeg": {"threads": 4, "nice": 5}},
        lifecycle={"evictionGraceSeconds": 120, "deafToleranceSeconds": 90},
    )

    assert settings == {
        "apiVersion": "agent.runnerpool.dev/v1",
        "server": {"url": "https://video.example.org", "ca": CA},
        "runner": {"name": "vod-0a1b2-7", "token": TOKEN, "description": "whose it is"},
        "jobTypes": ["vod-web-video-transcoding", "vod-hls-transcoding"],
        "concurrency": 2,
        "ffmpeg": {"threads": 4, "nice": 5},
        "evictionGraceSeconds": 120,
        "health": {"deafToleranceSeconds": 90, "stallToleranceSeconds": 600, "scratchBytes": 50 * 2**30},
    }


@pytest.mark.parametrize("size", [0, "0", "0Gi"])
def test_an_agent_whose_scratch_volume_has_no_limit_is_told_of_none(size):
    assert settings_of(runner={"scratch": {"size": size}})["health"]["scratchBytes"] is None


def test_the_secret_is_named_as_its_pod_and_goes_with_it():
    metadata = secret_of()["metadata"]

    assert (metadata["name"], metadata["namespace"]) == ("vod-0a1b2-7", "media")
    assert metadata["labels"]["runnerpool.dev/pool"] == "vod"
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "vod-0a1b2-7",
            "uid": "pod-uid",
            "controller": True,
            "blockOwnerDeletion": False,
        }
    ]


def test_the_token_stands_in_the_data_and_nowhere_else():
    secret = secret_of()

    assert TOKEN in base64.b64decode(secret.pop("data")["agent.json"]).decode()
    assert TOKEN not in json.dumps(secret)


def test_nobody_can_change_what_an_agent_has_read():
    assert secret_of()["immutable"] is True


@pytest.mark.parametrize(
    ("resources", "concurrency", "threads"),
    [
        ({"limits": {"cpu": "4"}}, 1, 4),
        ({"limits": {"cpu": 8}}, 2, 4),
        ({"limits": {"cpu": "4500m"}}, 1, 4),
        ({"limits": {"cpu": "500m"}}, 1, 1),
        ({"limits": {"cpu": "2"}}, 4, 1),
        ({"requests": {"cpu": "6"}}, 1, 6),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "6"}}, 1, 6),
        ({"limits": {"memory": "1Gi"}}, 1, None),
        ({}, 1, None),
    ],
)
def test_auto_threads_share_the_cpus_of_the_limit_or_else_the_request(resources, concurrency, threads):
    settings = settings_of(runner={"resources": resources, "concurrency": concurrency})

    assert settings["ffmpeg"]["threads"] == threads
