import json
from pathlib import Path
from typing import Any

import pytest
import trustme

from runnerpool_agent.config import AgentConfig, ConfigError, load
from support.agent.pod import TOKEN, agent_config


def written(folder: Path, content: Any) -> Path:
    path = folder / "agent.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def refused(folder: Path, content: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, content))
    return caught.value


def test_the_contracts_example_is_read(tmp_path: Path) -> None:
    config = load(written(tmp_path, agent_config("https://video.example.org/")))
    assert config.server.url == "https://video.example.org"
    assert config.runner.token.get_secret_value() == TOKEN
    assert config.job_types == ("vod-web-video-transcoding", "vod-hls-transcoding")
    assert config.ffmpeg.threads == 1
    assert config.eviction_grace_seconds == 600


def test_a_field_of_a_newer_operator_is_ignored(tmp_path: Path) -> None:
    assert load(written(tmp_path, agent_config() | {"caBundle": "…"})).concurrency == 1


def test_authorities_of_the_server_may_be_given_absent_or_null(tmp_path: Path) -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    for server, ca in [({"ca": pem}, pem), ({"ca": None}, None), ({}, None)]:
        content = agent_config() | {"server": {"url": "https://video.example.org"} | server}
        assert load(written(tmp_path, content)).server.ca == ca


@pytest.mark.parametrize("ca", ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"])
def test_authorities_that_cannot_be_read_are_a_fault_of_the_configuration(tmp_path: Path, ca: str) -> None:
    error = refused(tmp_path, agent_config() | {"server": {"url": "https://video.example.org", "ca": ca}})
    assert error.problems == ("server.ca: must be certificates in PEM",)


def test_threads_may_be_left_to_the_agent(tmp_path: Path) -> None:
    assert load(written(tmp_path, agent_config(ffmpeg={"threads": None, "nice": 0}))).ffmpeg.threads is None


def test_every_problem_is_reported_at_once(tmp_path: Path) -> None:
    broken = agent_config(concurrency=0, jobTypes=[], ffmpeg={"threads": "many"}) | {"server": {"url": "ftp://x"}}
    del broken["evictionGraceSeconds"]
    problems = " | ".join(refused(tmp_path, broken).problems)
    for path in ("concurrency", "jobTypes", "ffmpeg.threads", "server.url", "evictionGraceSeconds"):
        assert path in problems


def test_no_error_quotes_the_token(tmp_path: Path) -> None:
    error = refused(tmp_path, agent_config(runner={"name": "", "token": TOKEN, "description": 1}))
    assert TOKEN not in str(error)
    assert TOKEN not in repr(error.__cause__)
    assert TOKEN not in str(load(written(tmp_path, agent_config())))


@pytest.mark.parametrize("version", [None, "agent.runnerpool.dev/v2", 1])
def test_another_contract_is_refused_with_the_remedy(tmp_path: Path, version: object) -> None:
    error = refused(tmp_path, agent_config() | {"apiVersion": version})
    assert error.problems == ("apiVersion must be agent.runnerpool.dev/v1: use an image of the operator's release",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [('{"token": ptrt-1', "is no JSON"), ("[]", "must be a JSON object"), ('"text"', "must be a JSON object")],
)
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, content: str, problem: str) -> None:
    error = refused(tmp_path, content)
    assert problem in str(error)
    assert "ptrt-1" not in str(error)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path)


def test_a_missing_file_names_the_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file or directory.*Secret"):
        load(tmp_path / "agent.json")


@pytest.mark.parametrize(
    "url",
    [
        "video.example.org",
        "https://",
        "https://u:p@video.example.org",
        "https://video.example.org/videos",
        "https://x/?a=b",
    ],
)
def test_only_an_origin_is_a_server(url: str) -> None:
    with pytest.raises(ValueError, match="must be an origin"):
        AgentConfig.model_validate(agent_config(url))


def test_an_older_operators_pods_have_the_defaults_of_health(tmp_path: Path) -> None:
    health = load(written(tmp_path, agent_config())).health
    assert (health.contact_drain_seconds, health.deaf_tolerance_seconds, health.stall_tolerance_seconds) == (
        45,
        120,
        600,
    )
    assert (health.refused_reports, health.scratch_bytes) == (3, None)


def test_health_is_taken_field_by_field_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    given = {"stallToleranceSeconds": 60, "scratchBytes": 1024, "ofTheNextRelease": 1}
    health = load(written(tmp_path, agent_config(health=given))).health
    assert (health.stall_tolerance_seconds, health.scratch_bytes, health.refused_reports) == (60, 1024, 3)


@pytest.mark.parametrize("wrong", [{"refusedReports": 0}, {"stallToleranceSeconds": 0}, {"scratchBytes": -1}])
def test_thresholds_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    assert "health." in str(refused(tmp_path, agent_config(health=wrong)))
