import stat
import tomllib
from pathlib import Path

import pytest
import trustme

from runnerpool_agent.config import AgentConfig
from runnerpool_agent.runner_config import RunnerHome, threads_for, usable_cpus
from support.agent.pod import TOKEN, agent_config


def config(**changes: object) -> AgentConfig:
    return AgentConfig.model_validate(agent_config("https://video.example.org", **changes))


def test_the_settings_are_what_the_runner_would_have_written_itself(tmp_path: Path) -> None:
    home = RunnerHome(scratch=tmp_path)
    home.write(config(concurrency=2), threads=3)
    assert tomllib.loads(home.config_file.read_text(encoding="utf-8")) == {
        "jobs": {"concurrency": 2},
        "ffmpeg": {"threads": 3, "nice": 10},
        "registeredInstances": [
            {
                "url": "https://video.example.org",
                "runnerToken": TOKEN,
                "runnerName": "vod-1a2b3-7",
                "runnerDescription": "for tests",
            }
        ],
    }


def test_nobody_else_can_read_the_settings(tmp_path: Path) -> None:
    home = RunnerHome(scratch=tmp_path)
    home.write(config(), threads=1)
    assert stat.S_IMODE(home.config_file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "config").stat().st_mode) == 0o700


def test_a_second_start_gets_fresh_settings(tmp_path: Path) -> None:
    home = RunnerHome(scratch=tmp_path)
    home.write(config(), threads=1)
    home.config_file.write_text("registeredInstances = []", encoding="utf-8")
    home.write(config(), threads=1)
    assert TOKEN in home.config_file.read_text(encoding="utf-8")


def test_the_runner_writes_below_scratch_only_and_inherits_the_pools_variables(tmp_path: Path) -> None:
    inherited = {"HOME": "/home/someone", "STAND_IN_READ_RATE": "1"}
    environment = RunnerHome(scratch=tmp_path).environment(inherited, config())
    assert environment["STAND_IN_READ_RATE"] == "1"
    assert "NODE_EXTRA_CA_CERTS" not in environment
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR"):
        assert Path(environment[name]).is_relative_to(tmp_path)


def test_the_servers_own_authorities_are_written_below_scratch_and_the_runner_told(tmp_path: Path) -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    told = AgentConfig.model_validate(agent_config() | {"server": {"url": "https://video.example.org", "ca": pem}})
    home = RunnerHome(scratch=tmp_path)
    home.write(told, threads=1)
    home.write(told, threads=1)
    extra = Path(home.environment({"NODE_EXTRA_CA_CERTS": "/image/own.pem"}, told)["NODE_EXTRA_CA_CERTS"])
    assert extra.is_relative_to(tmp_path)
    assert extra.read_text(encoding="utf-8") == pem


@pytest.mark.parametrize(
    ("threads", "cpus", "concurrency", "expected"), [(6, 2, 1, 6), (None, 8, 1, 8), (None, 8, 3, 2), (None, 1, 4, 1)]
)
def test_threads_are_given_or_the_cpus_shared_by_the_slots(
    threads: int | None, cpus: int, concurrency: int, expected: int
) -> None:
    wanted = config(concurrency=concurrency, ffmpeg={"threads": threads, "nice": 0})
    assert threads_for(wanted, cpus) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "250000 100000"}, 2),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "1600000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        ({"cpu.max": "nonsense"}, 8),
        ({}, 8),
    ],
)
def test_the_cgroups_quota_cuts_the_cpus(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text + "\n", encoding="ascii")
    assert usable_cpus(tmp_path, allowed=8) == expected


def test_this_machine_has_a_cpu() -> None:
    assert usable_cpus() >= 1
