from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from peers.peertube.client import Output, SimulatedVideo
from support.stage.errors import StageError
from support.stage.outputs import SOUND_ONLY, Wanted, all_problems, problems, wanted
from support.stage.probing import Facts
from support.stage.videos import VideoSpec, sound

LANDSCAPE = VideoSpec(name="landscape", width=426, height=240, seconds=4)
PORTRAIT = VideoSpec(name="portrait", width=240, height=426, seconds=4)
TALK = sound("talk", 6)
PICTURE = Facts(seconds=4.02, width=426, height=240, video_codec="h264", audio_codec="aac", still=False)
SOUND = Facts(seconds=4.02, width=0, height=0, video_codec=None, audio_codec="aac", still=False)
SHEET = Facts(seconds=0.04, width=384, height=216, video_codec="mjpeg", audio_codec=None, still=True)


def _facts(kind: str, resolution: int | None) -> Facts:
    if kind == "storyboard":
        return SHEET
    if resolution == SOUND_ONLY:
        return SOUND
    assert resolution is not None
    return replace(PICTURE, height=resolution, width=round(resolution * 426 / 480) * 2)


class Delivery:
    """The files of a video, and what ffprobe would say of them."""

    def __init__(self, directory: Path, files: Sequence[Wanted]) -> None:
        self.facts: dict[Path, Facts] = {}
        self.outputs = list(self._deliver(directory, files))

    def _deliver(self, directory: Path, files: Sequence[Wanted]) -> Iterator[Output]:
        for number, file in enumerate(files):
            resolution = None if file.kind == "storyboard" else file.resolution
            path, playlist = directory / f"{number}.mp4", None
            if file.kind == "hls":
                playlist = directory / f"{number}.m3u8"
                playlist.write_text(f"#EXTM3U\n{path.name}\n#EXT-X-ENDLIST\n")
            self.facts[path] = _facts(file.kind, resolution)
            yield Output(kind=file.kind, path=path, playlist=playlist, resolution=resolution, job="j", media={})

    def change(self, kind: str, resolution: int, facts: Facts) -> None:
        self.facts[self.find(kind, resolution).path] = facts

    def find(self, kind: str, resolution: int) -> Output:
        return next(output for output in self.outputs if (output.kind, output.resolution) == (kind, resolution))

    def look(self, path: Path) -> Facts:
        try:
            return self.facts[path]
        except KeyError:
            raise StageError(f"ffprobe cannot read {path.name}") from None

    @property
    def video(self) -> SimulatedVideo:
        return SimulatedVideo(
            uuid="u",
            name="landscape",
            state="published",
            complete=True,
            source_path=None,
            source={},
            jobs={},
            outputs=tuple(self.outputs),
        )

    def problems(self, spec: VideoSpec = LANDSCAPE) -> list[str]:
        return problems(spec, self.video, self.look)


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path, wanted(LANDSCAPE))


def test_a_video_becomes_a_web_video_and_hls_of_each_resolution_up_to_its_own() -> None:
    assert [str(file) for file in wanted(LANDSCAPE)] == [
        "hls 144p",
        "hls 240p",
        "storyboard",
        "web-video sound only",
        "web-video 144p",
        "web-video 240p",
    ]


def test_an_upright_video_counts_by_its_shorter_edge() -> None:
    assert wanted(PORTRAIT) == wanted(LANDSCAPE)


def test_a_silent_video_has_no_file_of_its_sound() -> None:
    assert Wanted("web-video", SOUND_ONLY) not in wanted(replace(LANDSCAPE, sound=False))


def test_sound_becomes_a_picture_of_480() -> None:
    assert [file.resolution for file in wanted(TALK) if file.kind == "hls"] == [144, 240, 360, 480]


def test_a_resolution_that_the_server_does_not_list_is_kept_as_the_best() -> None:
    odd = replace(LANDSCAPE, width=400, height=300)
    assert [file.resolution for file in wanted(odd) if file.kind == "hls"] == [144, 240, 300]


def test_a_whole_delivery_has_no_problem(delivery: Delivery) -> None:
    assert delivery.problems() == []


def test_a_missing_and_a_surplus_file_are_named(delivery: Delivery) -> None:
    delivery.outputs.remove(delivery.find("hls", 144))
    delivery.outputs.append(delivery.find("hls", 240))
    assert delivery.problems() == [
        "landscape: hls 144p is missing",
        "landscape: hls 240p is there and should not be",
    ]


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        (replace(PICTURE, seconds=3.5), "lasts 3.50 s, not 4 s"),
        (replace(PICTURE, width=256, height=144), "is 256x144, not 240p"),
        (replace(PICTURE, width=320), "is 320x240: not of the shape of 426x240"),
        (replace(PICTURE, video_codec="vp9"), "has a picture of codec vp9, not h264"),
        (replace(PICTURE, audio_codec=None), "has sound of codec None"),
    ],
)
def test_a_file_that_is_not_what_was_asked_for_is_told(delivery: Delivery, facts: Facts, problem: str) -> None:
    delivery.change("hls", 240, facts)
    assert delivery.problems() == [f"landscape: hls 240p: {problem}"]


def test_a_picture_where_only_sound_belongs_is_told(delivery: Delivery) -> None:
    delivery.change("web-video", SOUND_ONLY, PICTURE)
    assert delivery.problems() == ["landscape: web-video sound only: has a picture of codec h264"]


def test_an_upright_video_may_not_come_back_lying(tmp_path: Path) -> None:
    found = Delivery(tmp_path, wanted(PORTRAIT)).problems(PORTRAIT)
    assert "portrait: hls 240p: is 426x240: not of the shape of 240x426" in found


def test_a_storyboard_that_is_no_picture_is_told(delivery: Delivery) -> None:
    sheet = next(output for output in delivery.outputs if output.kind == "storyboard")
    delivery.facts[sheet.path] = PICTURE
    assert delivery.problems() == ["landscape: storyboard: is no still picture, but h264"]


def test_a_file_that_ffprobe_cannot_read_is_told(delivery: Delivery) -> None:
    del delivery.facts[delivery.find("hls", 144).path]
    assert [text for text in delivery.problems() if "cannot read" in text]


def test_a_playlist_must_name_its_file_and_end(delivery: Delivery) -> None:
    playlist = delivery.find("hls", 240).playlist
    assert playlist is not None
    playlist.write_text("#EXTM3U\nother.mp4\n")
    name = delivery.find("hls", 240).path.name
    assert delivery.problems() == [
        f"landscape: hls 240p: its playlist does not name {name}",
        "landscape: hls 240p: its playlist has no end",
    ]
    playlist.unlink()
    assert delivery.problems() == ["landscape: hls 240p: has no playlist"]


def test_problems_of_several_videos_come_together(delivery: Delivery) -> None:
    empty = replace(delivery.video, outputs=())
    assert len(all_problems([(LANDSCAPE, empty), (PORTRAIT, empty)])) == 12
