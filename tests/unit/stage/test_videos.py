from pathlib import Path

import pytest

from support.stage import videos
from support.stage.errors import StageError
from support.stage.probing import probe
from support.stage.videos import VideoSpec, make, sound


def test_a_video_is_made_as_ordered(tmp_path: Path) -> None:
    made = probe(make(VideoSpec(name="small", width=256, height=144, seconds=1), tmp_path))
    assert (made.width, made.height, made.video_codec, made.audio_codec) == (256, 144, "h264", "aac")
    assert made.seconds == pytest.approx(1, abs=0.1)
    assert not made.still


def test_a_video_without_sound_has_none(tmp_path: Path) -> None:
    made = probe(make(VideoSpec(name="silent", width=64, height=64, seconds=1, sound=False), tmp_path))
    assert made.audio_codec is None


def test_sound_alone_has_no_picture(tmp_path: Path) -> None:
    made = probe(make(sound("talk", 1), tmp_path))
    assert (made.video_codec, made.width, made.audio_codec) == (None, 0, "aac")


def test_a_video_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = VideoSpec(name="small", width=64, height=64, seconds=1)
    assert videos.missing([spec], tmp_path) == [spec]
    first = make(spec, tmp_path)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert make(spec, tmp_path) == first
    assert videos.missing([spec], tmp_path) == []


def test_the_cache_knows_videos_apart_by_all_that_shapes_them() -> None:
    specs = [
        VideoSpec(name="a", width=64, height=64, seconds=1),
        VideoSpec(name="a", width=64, height=32, seconds=1),
        VideoSpec(name="a", width=64, height=64, seconds=2),
        VideoSpec(name="a", width=64, height=64, seconds=1, sound=False),
        sound("a", 1),
    ]
    assert len({spec.digest() for spec in specs}) == len(specs)
    assert VideoSpec(name="b", width=64, height=64, seconds=1).digest() == specs[0].digest()


def test_a_video_that_ffmpeg_refuses_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="odd cannot be made: ffmpeg ended with"):
        make(VideoSpec(name="odd", width=-1, height=64, seconds=1), tmp_path)
    assert not list(tmp_path.glob("*.mp4"))[1:]
    assert videos.missing([VideoSpec(name="odd", width=-1, height=64, seconds=1)], tmp_path)


def test_no_ffmpeg_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StageError, match="install FFmpeg"):
        make(sound("talk", 1), tmp_path)
