import asyncio
import os
from pathlib import Path

import pytest

from runnerpool_agent.processes import ProcessEntry
from runnerpool_agent.usage import session_usage

IO = "rchar: 100\nwchar: 20\nsyscr: 1\nsyscw: 1\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"
STAT = "{} (node (1)) S 1 7 7 0 -1 0 0 0 0 0 {} {} 0 0 20 0 1 0 1 1 1"
TICKS = os.sysconf("SC_CLK_TCK")


def entry(pid: int, *, session: int = 7, zombie: bool = False) -> ProcessEntry:
    return ProcessEntry(pid=pid, parent=1, group=session, session=session, zombie=zombie)


def process(proc: Path, pid: int, io: str | None = IO) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(STAT.format(pid, 3 * TICKS, TICKS), encoding="utf-8")
    if io is not None:
        (proc / str(pid) / "io").write_text(io, encoding="ascii")


def test_the_session_counts_and_nobody_else(tmp_path: Path) -> None:
    for pid in (7, 8, 9, 10):
        process(tmp_path, pid)
    entries = [entry(7), entry(8), entry(9, session=1), entry(10, zombie=True)]
    usage = session_usage(7, lambda: entries, tmp_path)
    assert usage.cpu_seconds == {7: 4.0, 8: 4.0}
    assert usage.bytes == {7: 120, 8: 120}


def test_a_process_that_ends_meanwhile_is_left_out(tmp_path: Path) -> None:
    process(tmp_path, 7)
    usage = session_usage(7, lambda: [entry(7), entry(8)], tmp_path)
    assert usage.bytes == {7: 120}


@pytest.mark.parametrize("io", [None, "", "rchar: many\nwchar: 1\n", "nonsense"])
def test_bytes_that_a_kernel_does_not_tell_of_one_process_are_not_known_at_all(tmp_path: Path, io: str | None) -> None:
    process(tmp_path, 7, io)
    process(tmp_path, 8)
    usage = session_usage(7, lambda: [entry(7), entry(8)], tmp_path)
    assert usage.bytes is None
    assert usage.cpu_seconds == {7: 4.0, 8: 4.0}


async def test_a_real_process_is_measured() -> None:
    script = "count=$(head -c 1000000 /dev/zero | wc -c); echo $count; exec sleep 60"  # by then all children have ended
    process = await asyncio.create_subprocess_exec("sh", "-c", script, start_new_session=True, stdout=-1)
    assert process.stdout
    await process.stdout.readline()
    usage = session_usage(process.pid)
    process.kill()
    await process.communicate()
    assert usage.bytes is not None
    assert set(usage.bytes) == set(usage.cpu_seconds) == {process.pid}
