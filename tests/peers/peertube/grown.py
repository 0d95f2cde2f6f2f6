"""The rows of a server that has been at work for years, without an object for each of them.

A block is a run of jobs that differ by nothing but their number. A row becomes a real job when something happens to
it: it leaves its block then.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from peers.peertube.addresses import Urls
from peers.peertube.clock import iso
from peers.peertube.listing import Order, is_uuid
from peers.peertube.private_payloads import STREAM_AUDIO, STREAM_VIDEO, hls_private, web_private
from peers.peertube.profile import HLS, TRANSCRIPTION, WEB_VIDEO, JobShapes
from peers.peertube.records import JSON, Job, JobState

STEP = timedelta(milliseconds=100)
TYPES = (WEB_VIDEO, HLS, TRANSCRIPTION)
_FPS, _RESOLUTION = 25, 240


class Uuids(Protocol):
    """UUIDs of jobs in their order; `index` raises ValueError."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> str: ...
    def index(self, job_uuid: str, /) -> int: ...


@dataclass(slots=True, kw_only=True, eq=False)
class Block:
    """Rows of one type in one state, one made `STEP` after the other.

    Attributes:
        number: Tells blocks apart; it stands in their jobs' UUIDs.
        first_id: Of the first row; the others follow.
        parents: UUIDs of the jobs that the rows wait for, in turn; empty if they wait for nothing.
        taken: Rows that are real jobs now, or were, in order.
    """

    number: int
    type: str
    state: JobState
    priority: int
    count: int
    first_id: int
    begins: datetime
    public_url: str
    shapes: JobShapes
    parents: Uuids = ()
    taken: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return self.count - len(self.taken)

    def uuid(self, index: int) -> str:
        return f"{self.number:08x}-0000-4000-8000-{index:012x}"

    def index(self, job_uuid: str) -> int | None:
        """Which row the UUID is of; None if it is none of this block's, or has left it."""
        if not is_uuid(job_uuid):
            return None
        index = int(job_uuid[-12:], 16)
        own = index < self.count and self.uuid(index) == job_uuid.lower()
        return index if own and not self._is_taken(index) else None

    def nth(self, position: int) -> int:
        """The row at a position among those that are left."""
        return position + bisect_right(range(len(self.taken)), position, key=lambda at: self.taken[at] - at)

    def take(self, index: int) -> None:
        insort(self.taken, index)

    def children_of(self, parent_uuid: str) -> list[int]:
        """The rows that wait for a job."""
        try:
            first = self.parents.index(parent_uuid)
        except ValueError:
            return []
        return [index for index in range(first, self.count, len(self.parents)) if not self._is_taken(index)]

    def parent_uuid(self, index: int) -> str | None:
        return self.parents[index % len(self.parents)] if self.parents else None

    def row(self, index: int, parent: Job | None) -> Job:
        """A row, made anew with every call."""
        created = self.begins + index * STEP
        finished = created + STEP if self.state is JobState.COMPLETED else None
        job_uuid, video_uuid = self.uuid(index), f"{self.number:08x}-0001-4000-8000-{index:012x}"
        return Job(
            id=self.first_id + index,
            uuid=job_uuid,
            type=self.type,
            priority=self.priority,
            state=self.state,
            payload=self._payload(
                Urls(public_url=self.public_url, video_uuid=video_uuid, shapes=self.shapes), job_uuid
            ),
            private_payload=self._private(video_uuid, iso(created)),
            created_at=created,
            updated_at=finished or created,
            parent=parent,
            started_at=created if finished else None,
            finished_at=finished,
        )

    def _is_taken(self, index: int) -> bool:
        at = bisect_left(self.taken, index)
        return at < len(self.taken) and self.taken[at] == index

    def _payload(self, urls: Urls, job_uuid: str) -> JSON:
        address = urls.video(job_uuid)
        if self.type == TRANSCRIPTION:
            return {"input": {"videoFileUrl": address}, "output": {}}
        output: JSON = {"fps": _FPS, "resolution": _RESOLUTION}
        if self.type == HLS:
            output["separatedAudio"] = False
        return {"input": {"videoFileUrl": address, "separatedAudioFileUrl": []}, "output": output}

    def _private(self, video_uuid: str, requested_at: str) -> JSON:
        if self.type == TRANSCRIPTION:
            return {"videoUUID": video_uuid}
        if self.type == HLS:
            streams = (STREAM_AUDIO, STREAM_VIDEO)
            return hls_private(video_uuid, self.shapes, is_new_video=True, streams=streams, requested_at=requested_at)
        return web_private(
            video_uuid, self.shapes, is_new_video=True, can_move_video_state=True, delete_input_file_id=None
        )


@dataclass(frozen=True, slots=True)
class BlockUuids:
    """The UUIDs of all rows that a block began with."""

    block: Block

    def __len__(self) -> int:
        return self.block.count

    def __getitem__(self, index: int, /) -> str:
        return self.block.uuid(index)

    def index(self, job_uuid: str, /) -> int:
        index = int(job_uuid[-12:], 16)
        if index >= self.block.count or self.block.uuid(index) != job_uuid:
            raise ValueError(f"Job {job_uuid} is none of the block")
        return index


@dataclass(frozen=True, slots=True)
class BlockRows:
    """The rows that a block has left, in the order of a list; `look` finds the job that a row waits for."""

    block: Block
    order: Order
    look: Callable[[str], Job | None]

    def __len__(self) -> int:
        return len(self.block)

    def __getitem__(self, index: int, /) -> Job:
        backwards = self.order.reverses("createdAt", "updatedAt")
        row = self.block.nth(len(self.block) - 1 - index if backwards else index)
        parent = self.block.parent_uuid(row)
        return self.block.row(row, None if parent is None else self.look(parent))
