"""Jobs put straight into the queue, without an upload."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peers.peertube.addresses import Urls
from peers.peertube.clock import iso
from peers.peertube.fanout import storyboard
from peers.peertube.jobs import JobDraft
from peers.peertube.media import make_sample, probe
from peers.peertube.private_payloads import STREAM_AUDIO, STREAM_VIDEO, hls_private, web_private
from peers.peertube.profile import AUDIO_MERGE, HLS, LIVE, STORYBOARD, STUDIO, TRANSCRIPTION, WEB_VIDEO, JobShapes
from peers.peertube.records import JSON, Job, MediaInfo, Video
from peers.peertube.simulation import Simulation


class OrderError(ValueError):
    """An order for plain jobs that cannot be met; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Jobs to put into the queue.

    Attributes:
        priority: None takes the type's own figure.
        video: UUID of the video they belong to; None makes a new one for all of them.
        parent: UUID of the job that they wait for.
        file: Give a new video a real file of that many `seconds`, that `resolution` and `fps`; else downloads are 404.
        tasks: For a studio job; None cuts the second second out.
    """

    type: str
    count: int = 1
    priority: int | None = None
    video: str | None = None
    parent: str | None = None
    file: bool = False
    seconds: float = 2.0
    resolution: int = 240
    fps: int = 25
    tasks: list[JSON] | None = None

    @classmethod
    def parse(cls, document: Any) -> "Order":
        """Read a request body.

        Raises:
            OrderError: It is no object, names an unknown field, or lacks the type.
        """
        if not isinstance(document, dict) or not isinstance(document.get("type"), str):
            raise OrderError('The order has no "type"; give a job type')
        try:
            return cls(**document)
        except TypeError as error:
            raise OrderError(f"The order has a field that is not known: {error}") from error


async def enqueue(simulation: Simulation, order: Order) -> tuple[Video, list[Job]]:
    """Create the jobs.

    Raises:
        OrderError: Unknown type, video or parent.
        MediaError: The sample file cannot be made.
    """
    if order.type not in simulation.profile.job_types:
        raise OrderError(f'Type "{order.type}" is none of {", ".join(simulation.profile.job_types)}')
    parent = _parent(simulation, order)
    video = await _video(simulation, order)
    draft = _draft(simulation, order, video)
    return video, [simulation.queue.add(draft, parent) for _ in range(order.count)]


def _parent(simulation: Simulation, order: Order) -> Job | None:
    if order.parent is None:
        return None
    parent = simulation.queue.get(order.parent)
    if parent is None:
        raise OrderError(f'Parent "{order.parent}" is no job of this server')
    return parent


async def _video(simulation: Simulation, order: Order) -> Video:
    if order.video is not None:
        video = simulation.library.get(order.video)
        if video is None:
            raise OrderError(f'Video "{order.video}" is none of this server')
        return video
    video = simulation.library.add(f"plain {order.type}", counted=order.type == LIVE)
    if order.file:
        path = simulation.incoming_directory / f"{video.uuid}.mp4"
        await make_sample(path, seconds=order.seconds, height=order.resolution, fps=order.fps)
        await simulation.library.set_source(video, path, await probe(path))
    return video


def _draft(simulation: Simulation, order: Order, video: Video) -> JobDraft:
    urls = simulation.library.urls(video)
    uploads = simulation.library.recent_uploads()
    if order.type == STORYBOARD:
        info = video.best_info or _assumed(order)
        return storyboard(urls, info, _priority(simulation, order, uploads))
    return JobDraft(
        type=order.type,
        priority=_priority(simulation, order, uploads),
        payload=_payload(order, urls, simulation.host),
        private_payload=_private(order, video, simulation.profile.shapes, iso(simulation.clock.now())),
    )


def _assumed(order: Order) -> MediaInfo:
    width = order.resolution * 16 // 9
    return MediaInfo(
        duration=order.seconds, width=width, height=order.resolution, fps=order.fps, has_video=True, has_audio=True
    )


def _priority(simulation: Simulation, order: Order, uploads: int) -> int:
    figures = simulation.profile.priorities
    if order.priority is not None:
        return order.priority
    own = {LIVE: figures.live, TRANSCRIPTION: figures.transcription, STORYBOARD: figures.storyboard}
    with_uploads = {STUDIO: figures.studio + uploads}
    return {**own, **with_uploads}.get(order.type, figures.required + uploads)


def _payload(order: Order, urls: Urls, host: str) -> Callable[[str], JSON]:
    """A function from job UUID to payload."""
    output: JSON = {"fps": order.fps, "resolution": order.resolution}

    def video_input(job: str) -> JSON:
        return {"videoFileUrl": urls.video(job), "separatedAudioFileUrl": []}

    def web_video(job: str) -> JSON:
        return {"input": video_input(job), "output": output}

    def hls(job: str) -> JSON:
        return {"input": video_input(job), "output": {**output, "separatedAudio": False}}

    def audio_merge(job: str) -> JSON:
        inputs = {"audioFileUrl": urls.audio(job), "previewFileUrl": urls.thumbnail(job)}
        return {"input": inputs, "output": output}

    def studio(job: str) -> JSON:
        payload = {"input": video_input(job), "tasks": _tasks(order)}
        return {**payload, "output": {}} if urls.shapes.studio_output else payload

    def transcription(job: str) -> JSON:
        return {"input": {"videoFileUrl": urls.video(job)}, "output": {}}

    def live(_job: str) -> JSON:
        encoded = [{"fps": order.fps, "resolution": order.resolution}, {"fps": 0, "resolution": 0}]
        address = f"rtmp://{host.partition(':')[0]}:1935/live/{urls.video_uuid}"
        return {
            "input": {"rtmpUrl": address},
            "output": {"toTranscode": encoded, "segmentDuration": 4, "segmentListSize": urls.shapes.live_segments},
        }

    return {
        WEB_VIDEO: web_video,
        HLS: hls,
        AUDIO_MERGE: audio_merge,
        STUDIO: studio,
        TRANSCRIPTION: transcription,
        LIVE: live,
    }[order.type]


def _private(order: Order, video: Video, shapes: JobShapes, requested_at: str) -> JSON:
    if order.type in (WEB_VIDEO, AUDIO_MERGE):
        return web_private(video.uuid, shapes, is_new_video=True, can_move_video_state=True, delete_input_file_id=None)
    if order.type == HLS:
        streams = (STREAM_AUDIO, STREAM_VIDEO)
        return hls_private(video.uuid, shapes, is_new_video=True, streams=streams, requested_at=requested_at)
    private: JSON = {"videoUUID": video.uuid}
    if order.type == STUDIO:
        private["originalTasks"] = _tasks(order)
    elif order.type == LIVE:
        private |= {
            "sessionId": video.short_uuid[:8],
            "outputDirectory": str(video.directory / "live"),
            "masterPlaylistName": "master.m3u8",
        }
    return private


def _tasks(order: Order) -> list[JSON]:
    return order.tasks or [{"name": "cut", "options": {"start": 1, "end": 2}}]
