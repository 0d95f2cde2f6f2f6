import os
from pathlib import Path

import httpx
import pytest

from runnerpool_agent.contact import Contact
from runnerpool_agent.runner_api import RunnerApi
from runnerpool_agent.surroundings import PodSurroundings


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def around(tmp_path: Path) -> PodSurroundings:
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    api = RunnerApi(httpx.AsyncClient(base_url="http://x", transport=transport), "ptrt-1", ["hls"])
    clock = Clock()
    contact = Contact(clock)
    contact.answered()
    clock.now = 7.0
    return PodSurroundings(contact, api, tmp_path, 1000, os.getsid(0))


async def test_they_are_put_together_from_contact_server_processes_and_scratch(
    around: PodSurroundings, tmp_path: Path
) -> None:
    assert (around.contact_lost_seconds(), around.contact_ok_seconds()) == (0.0, 7.0)
    assert os.getpid() in around.usage().cpu_seconds
    assert await around.offers_job() is None
    assert await around.still_ours("a", "ptrjt-1", None)
    assert around.scratch_full() is None
    (tmp_path / "input").write_bytes(b"x" * 5000)
    assert "limit" in (around.scratch_full() or "")


async def test_a_full_scratch_has_room_again_only_when_there_is_some_more(tmp_path: Path) -> None:
    contact, api = Contact(Clock()), RunnerApi(httpx.AsyncClient(), "ptrt-1", ["hls"])
    around = PodSurroundings(contact, api, tmp_path, 1000 * 4096, os.getsid(0))

    def use(blocks: int) -> bool:
        (tmp_path / "input").write_bytes(b"x" * blocks * 4096)
        return around.scratch_full() is not None

    assert [use(blocks) for blocks in (976, 981, 976, 974, 976)] == [False, True, True, False, False]


async def test_a_scratch_that_cannot_be_measured_is_not_full(around: PodSurroundings, tmp_path: Path) -> None:
    around._folder = tmp_path / "gone"
    assert around.scratch_full() is None
