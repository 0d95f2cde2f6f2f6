"""An upload's jobs are the ones that 6.3.0 and 8.2.1 made: types, order, priorities, payloads and parents."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from peers.peertube import recordings
from peers.peertube.addresses import Urls
from peers.peertube.fanout import FanOut
from peers.peertube.jobs import JobDraft
from peers.peertube.profile import PEERTUBE_6_3, PEERTUBE_8_2, STORYBOARD, STUDIO
from peers.peertube.records import MediaInfo
from peers.peertube.replay import PUBLIC_URL

SMALL_VIDEO = "c23a9f0f-4d3d-4f22-b9d9-dec1cfe67d6b"
SOUND = "a4ca0760-340e-4fe7-8ab0-74f82166206d"
VIDEO_720 = "da223c26-50fe-4bfa-bfc5-cf9436ab5fe0"
VIDEO_1080 = "6b5fa59a-ef07-4c80-b03c-7dd08ba2ce6f"
SMALL_VIDEO_6_3 = "e30584d0-8301-4cd3-a66d-37ca9d431158"


def _recorded_jobs(version: str) -> list[dict[str, Any]]:
    recorded = next(recording for recording in recordings.load(version) if recording.number == 12)
    return list(recorded.answer.body["data"])


ALL_JOBS = [*_recorded_jobs("6.3.0"), *_recorded_jobs("8.2.1")]


def _info(*, height: int, fps: float, seconds: float, has_video: bool = True) -> MediaInfo:
    width = height * 16 // 9
    return MediaInfo(duration=seconds, width=width, height=height, fps=fps, has_video=has_video, has_audio=True)


FAN_OUTS = {
    SMALL_VIDEO: _info(height=240, fps=25, seconds=5),
    VIDEO_720: _info(height=720, fps=30, seconds=20),
    VIDEO_1080: _info(height=1080, fps=30, seconds=60),
    SMALL_VIDEO_6_3: _info(height=240, fps=25, seconds=5),
    SOUND: _info(height=0, fps=0, seconds=6.5, has_video=False),
}


@pytest.mark.parametrize("video", FAN_OUTS)
def test_an_upload_fans_out_into_the_recorded_jobs(video: str) -> None:
    recorded = _recorded_fan_out(video)
    profile = PEERTUBE_6_3 if video == SMALL_VIDEO_6_3 else PEERTUBE_8_2
    fan_out = FanOut(
        urls=Urls(public_url=PUBLIC_URL, video_uuid=video, shapes=profile.shapes),
        info=FAN_OUTS[video],
        profile=profile,
        resolutions=profile.resolutions,
        uploads=recorded[0]["priority"] - profile.priorities.required,
        requested_at=recorded[1]["privatePayload"].get("transcodingRequestAt", ""),
        input_file_id=recorded[0]["privatePayload"]["deleteInputFileId"],
        sound_only_file=profile.sound_only_files,
    )
    assert _flat(fan_out.transcoding(), None) == [_plain(job) for job in recorded]


@pytest.mark.parametrize("video", sorted(FAN_OUTS.keys() - {SMALL_VIDEO_6_3}))
def test_a_storyboard_is_laid_out_as_recorded(video: str) -> None:
    recorded = next(
        job for job in ALL_JOBS if job["type"] == STORYBOARD and job["privatePayload"]["videoUUID"] == video
    )
    fan_out = FanOut(
        urls=Urls(public_url=PUBLIC_URL, video_uuid=video, shapes=PEERTUBE_8_2.shapes),
        info=FAN_OUTS[video],
        profile=PEERTUBE_8_2,
        resolutions=(),
        uploads=1,
        requested_at="",
        input_file_id=1,
    )
    assert _flat(fan_out.storyboard(), None) == [_plain(recorded)]


def _recorded_fan_out(video: str) -> list[dict[str, Any]]:
    """The jobs of the recorded upload, oldest first, without storyboard and later edits."""
    jobs = [
        job
        for job in ALL_JOBS
        if job["privatePayload"]["videoUUID"] == video
        and job["type"] not in (STORYBOARD, STUDIO)
        and job["privatePayload"]["isNewVideo"]
    ]
    return sorted(jobs, key=lambda job: str(job["createdAt"]))


def _plain(job: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal; a parent is told by type and output, since the server chose its UUID."""
    parent = next((other for other in ALL_JOBS if other["uuid"] == (job.get("parent") or {}).get("uuid")), None)
    return {
        "type": job["type"],
        "priority": job["priority"],
        "payload": json.loads(json.dumps(job["payload"]).replace(job["uuid"], "<job>")),
        "private": job["privatePayload"],
        "parent": parent and (parent["type"], parent["payload"]["output"]["resolution"]),
    }


def _flat(draft: JobDraft, parent: JobDraft | None) -> list[dict[str, Any]]:
    """The draft and its descendants in the order in which they are created."""
    plain = {
        "type": draft.type,
        "priority": draft.priority,
        "payload": draft.payload("<job>"),
        "private": draft.private_payload,
        "parent": parent and (parent.type, parent.payload("")["output"]["resolution"]),
    }
    return [plain, *(row for child in draft.children for row in _flat(child, draft))]
