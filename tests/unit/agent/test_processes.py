import asyncio
import os

import pytest

from runnerpool_agent import processes as module
from runnerpool_agent.processes import ProcessEntry, adopt_orphans, kill, parse_stat, processes


def test_a_name_with_brackets_and_blanks_is_read_right() -> None:
    text = "42 (a) S (b) R) S 1 40 39 0 -1 4194560"
    assert parse_stat(text) == ProcessEntry(pid=42, parent=1, group=40, session=39, zombie=False)


@pytest.mark.parametrize(("state", "zombie"), [("Z", True), ("X", True), ("R", False), ("D", False)])
def test_the_dead_are_known(state: str, zombie: bool) -> None:
    assert parse_stat(f"42 (ffmpeg) {state} 1 40 39").zombie is zombie


def test_this_process_is_among_all() -> None:
    (own,) = [entry for entry in processes() if entry.pid == os.getpid()]
    assert own.parent == os.getppid()
    assert own.session == os.getsid(0)


async def test_a_process_is_killed_and_one_that_has_ended_is_no_error() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60")
    kill(process.pid)
    assert await process.wait() == -9
    kill(process.pid)


def test_a_kernel_that_refuses_adoption_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PR_SET_CHILD_SUBREAPER", 123456)
    with pytest.raises(OSError, match="Invalid argument"):
        adopt_orphans()
