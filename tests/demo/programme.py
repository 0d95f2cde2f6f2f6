"""What the demo transcodes."""

from support.stage.videos import VideoSpec, sound

PROGRAMME = (
    VideoSpec(name="Opening night", width=1280, height=720, seconds=6),
    VideoSpec(name="Choir rehearsal", width=854, height=480, seconds=8),
    VideoSpec(name="Lecture", width=640, height=360, seconds=12),
    VideoSpec(name="Phone clip", width=360, height=640, seconds=5),
    VideoSpec(name="Old tape", width=426, height=240, seconds=10),
    sound("Radio talk", 15),
)
