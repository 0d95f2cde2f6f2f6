import asyncio
import os
import sys

import pytest

from runnerpool_agent import reaper as module
from runnerpool_agent.processes import ProcessEntry, processes
from runnerpool_agent.reaper import Reaper


def entry(pid: int, **changes: int | bool) -> ProcessEntry:
    fields = {"pid": pid, "parent": os.getpid(), "group": 1, "session": 1, "zombie": True} | changes
    return ProcessEntry(**fields)  # type: ignore[arg-type]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    pids: list[int] = []
    monkeypatch.setattr(module, "_wait_for", pids.append)
    return pids


def test_dead_orphans_are_reaped_and_asyncios_children_left_to_it(waited: list[int]) -> None:
    reaper = Reaper(adopting=True, scan=lambda: [entry(7), entry(8), entry(9, zombie=False), entry(10, parent=1)])
    reaper.starting()
    reaper.started(7)
    reaper.reap()
    assert waited == [8]


def test_nothing_is_reaped_while_a_child_is_being_made(waited: list[int]) -> None:
    reaper = Reaper(adopting=True, scan=lambda: [entry(8)])
    reaper.starting()
    reaper.reap()
    assert waited == []
    reaper.started(None)
    reaper.reap()
    assert waited == [8]


def test_a_pid_used_again_after_its_child_was_waited_for_is_an_orphan(waited: list[int]) -> None:
    reaper = Reaper(adopting=True, scan=lambda: [entry(7)])
    reaper.starting()
    reaper.started(7)
    reaper.ended(7)
    reaper.reap()
    assert waited == [7]


def test_an_agent_that_does_not_adopt_reaps_nothing(waited: list[int]) -> None:
    Reaper(adopting=False, scan=lambda: [entry(8)]).reap()
    assert waited == []


@pytest.mark.looptime
async def test_it_looks_every_second(waited: list[int]) -> None:
    task = asyncio.create_task(Reaper(adopting=True, scan=lambda: [entry(8)]).run())
    await asyncio.sleep(2.5)
    task.cancel()
    assert waited == [8, 8, 8]


@pytest.mark.looptime
async def test_a_process_that_cannot_be_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(module, "kill", killed.append)
    reaper = Reaper(adopting=True, scan=lambda: [entry(8, session=5, zombie=False), entry(9, parent=1, zombie=False)])
    assert await reaper.end_session(5) == 1
    assert set(killed) == {8}
    assert asyncio.get_running_loop().time() == pytest.approx(5.0)


@pytest.mark.looptime
async def test_an_orphan_that_left_the_session_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(module, "kill", killed.append)
    reaper = Reaper(adopting=True, scan=lambda: [] if killed else [entry(8, session=99, zombie=False)])
    assert await reaper.end_session(5) == 0
    assert killed == [8]


async def test_a_session_left_by_its_leader_is_ended() -> None:
    # The leader starts a child and exits, as a runner leaves its FFmpeg.
    code = "import os, subprocess; subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL); os._exit(0)"
    leader = await asyncio.create_subprocess_exec(sys.executable, "-c", code, start_new_session=True)
    await leader.wait()

    def living() -> list[int]:
        return [one.pid for one in processes() if one.session == leader.pid and not one.zombie]

    assert len(living()) == 1
    assert await Reaper(adopting=False).end_session(leader.pid) == 0
    assert living() == []


def test_waiting_for_a_child_that_is_gone_is_no_error() -> None:
    module._wait_for(os.getpid())
