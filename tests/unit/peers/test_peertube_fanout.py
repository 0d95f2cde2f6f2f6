import pytest

from peers.peertube.addresses import Urls
from peers.peertube.fanout import FanOut, output_fps
from peers.peertube.jobs import JobDraft
from peers.peertube.profile import HLS, PEERTUBE_8_2, WEB_VIDEO
from peers.peertube.records import MediaInfo


def fan_out(
    *, width: int, height: int, fps: float = 25, has_audio: bool = True, resolutions: tuple[int, ...] = (144, 240, 360)
) -> FanOut:
    return FanOut(
        urls=Urls(public_url="https://video.test", video_uuid="v", shapes=PEERTUBE_8_2.shapes),
        info=MediaInfo(duration=130, width=width, height=height, fps=fps, has_video=True, has_audio=has_audio),
        profile=PEERTUBE_8_2,
        resolutions=resolutions,
        uploads=1,
        requested_at="now",
        input_file_id=1,
    )


def web_resolutions(draft: JobDraft) -> list[int]:
    own = [draft.payload("")["output"]["resolution"]] if draft.type == WEB_VIDEO else []
    return own + [resolution for child in draft.children for resolution in web_resolutions(child)]


def test_only_resolutions_below_the_sources_are_made_beside_its_own() -> None:
    assert web_resolutions(fan_out(width=426, height=240).transcoding()) == [240, 144, 0]


def test_an_upright_video_counts_by_its_shorter_edge() -> None:
    assert web_resolutions(fan_out(width=360, height=640).transcoding()) == [360, 240, 144, 0]


def test_an_odd_edge_becomes_even() -> None:
    assert web_resolutions(fan_out(width=500, height=281).transcoding()) == [282, 240, 144, 0]


def test_a_silent_video_has_no_sound_only_file_and_no_sound_stream() -> None:
    draft = fan_out(width=426, height=240, has_audio=False).transcoding()
    assert web_resolutions(draft) == [240, 144]
    hls = next(child for child in draft.children if child.type == HLS)
    assert hls.private_payload["inputStreams"] == [1]


def test_a_long_video_has_a_full_sheet_of_sprites() -> None:
    sprites = fan_out(width=640, height=360).storyboard().payload("")["sprites"]
    assert sprites == {
        "size": {"width": 192, "height": 108},
        "count": {"width": 10, "height": 10},
        "duration": 2,
    }


def test_an_upright_video_has_upright_sprites() -> None:
    sprites = fan_out(width=360, height=640).storyboard().payload("")["sprites"]
    assert sprites["size"] == {"width": 108, "height": 192}


@pytest.mark.parametrize(
    ("source", "resolution", "original", "expected"),
    [
        (60, 480, False, 30),
        (50, 480, False, 25),
        (60, 720, False, 60),
        (60, 480, True, 60),
        (120, 1080, True, 60),
        (23.976, 480, False, 24),
        (30, 144, False, 30),
    ],
)
def test_small_copies_of_fast_videos_get_a_dividing_rate(
    source: float, resolution: int, original: bool, expected: int
) -> None:
    assert output_fps(source, resolution, original=original) == expected
