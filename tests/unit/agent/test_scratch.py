from pathlib import Path

import pytest

from runnerpool_agent import scratch
from runnerpool_agent.scratch import Room, full

MIB = 2**20
GIB = 2**30


@pytest.mark.parametrize(
    ("size", "free", "is_full"),
    [
        (GIB, 65 * MIB, False),
        (GIB, 63 * MIB, True),
        (20 * GIB, 210 * MIB, False),
        (20 * GIB, 200 * MIB, True),
        (10_000 * GIB, 2 * GIB, False),
        (10_000 * GIB, GIB - 1, True),
    ],
)
def test_a_volume_is_full_below_64_mib_or_a_hundredth_of_at_most_a_gib(size: int, free: int, is_full: bool) -> None:
    assert (full(Room(size=size, free=free)) is not None) is is_full


def test_a_limit_of_its_own_counts_from_98_percent() -> None:
    assert full(Room(size=GIB, free=GIB, used=98, limit=100)) is None
    assert "limit" in (full(Room(size=GIB, free=GIB, used=99, limit=100)) or "")


@pytest.mark.parametrize(
    ("room", "is_full"),
    [
        (Room(size=GIB, free=79 * MIB), True),
        (Room(size=GIB, free=80 * MIB), False),
        (Room(size=GIB, free=GIB, used=976, limit=1000), True),
        (Room(size=GIB, free=GIB, used=974, limit=1000), False),
    ],
)
def test_a_volume_that_was_full_has_room_again_only_with_a_quarter_more(room: Room, is_full: bool) -> None:
    assert full(room) is None
    assert (full(room, was_full=True) is not None) is is_full


def test_what_lies_in_the_folder_is_walked_through_only_for_a_limit(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "input").write_bytes(b"x" * 100_000)
    assert scratch.look(tmp_path, None).used == 0
    room = scratch.look(tmp_path, 1000)
    assert 100_000 <= room.used <= 120_000
    assert room.size >= room.free > 0
