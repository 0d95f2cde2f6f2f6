"""Is the scratch volume full? Then no job can be downloaded, and the runner fails one after the other."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LEAST_FREE_BYTES = 64 * 1024 * 1024
LEAST_FREE_SHARE = 0.01
MOST_KEPT_FREE_BYTES = 1024 * 1024 * 1024
"""A hundredth of a big disk would be room for many jobs."""
MOST_USED_SHARE = 0.98
RELIEF = 1.25
"""A volume that was full is so until there is so much more room than it takes to be full, or a job that writes and
deletes by turns would make the pod ready and unready by turns."""
_BLOCK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A volume: its size, what is free for us, and what we use of `limit` bytes (None: no limit of its own)."""

    size: int
    free: int
    used: int = 0
    limit: int | None = None


def full(room: Room, *, was_full: bool = False) -> str | None:
    """Why there is no room, in words; None while there is."""
    relief = RELIEF if was_full else 1.0
    least = relief * max(LEAST_FREE_BYTES, min(LEAST_FREE_SHARE * room.size, MOST_KEPT_FREE_BYTES))
    if room.free < least:
        return f"{room.free // 2**20} MiB are free on the scratch volume, of {room.size // 2**20} MiB"
    if room.limit is not None and room.used > (1 - relief * (1 - MOST_USED_SHARE)) * room.limit:
        return f"{room.used // 2**20} MiB of the scratch volume's limit of {room.limit // 2**20} MiB are used"
    return None


def look(folder: Path, limit: int | None) -> Room:
    """Measure. Only a limit is worth the walk through the folder. Raises OSError."""
    volume = os.statvfs(folder)
    used = 0 if limit is None else _used(folder)
    return Room(size=volume.f_blocks * volume.f_frsize, free=volume.f_bavail * volume.f_frsize, used=used, limit=limit)


def _used(folder: Path) -> int:
    """Blocks in use, as the kubelet counts them; files that go meanwhile are left out."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_blocks * _BLOCK
    return total
