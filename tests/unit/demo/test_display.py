import io

import pytest
from rich.console import Console

from demo.closing import how_to_look, summary
from demo.display import Lines, LiveTable, display, line, picture
from demo.view import JobView, PodPhase, PodView, View
from support.stage.figures import Figures

COUNTS = {"pending": 3, "processing": 1, "completing": 0, "waiting for parent": 8, "completed": 2}
POD = PodView(name="vod-1a2b3-1", phase=PodPhase.BUSY)
JOB = JobView(uuid="u", what="HLS 360p", video="Lecture", pod="vod-1a2b3-1", percent=41)
VIEW = View(counts=COUNTS, pods=(POD, PodView(name="vod-1a2b3-2", phase=PodPhase.STARTING)), jobs=(JOB,))
EMPTY = View(counts=dict.fromkeys(COUNTS, 0) | {"completed": 14}, pods=(), jobs=())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_line_tells_queue_and_pods() -> None:
    assert line(VIEW) == (
        "jobs: 3 pending, 1 processing, 0 completing, 8 waiting for parent, 2 completed | pods: 1 starting, 1 busy"
    )
    assert line(EMPTY).endswith("pods: none")


def test_lines_come_on_change_and_no_more_than_one_in_two_seconds(clock: Clock) -> None:
    written: list[str] = []
    lines = Lines(written.append, clock)
    lines.show(VIEW)
    clock.now += 10
    lines.show(VIEW)
    assert len(written) == 1
    other = View(counts=COUNTS | {"pending": 2}, pods=VIEW.pods, jobs=VIEW.jobs)
    lines.show(other)
    clock.now += 1
    lines.show(VIEW)
    assert len(written) == 2
    clock.now += 1
    lines.show(VIEW)
    assert [text.split()[0] for text in written] == ["0.0", "10.0", "12.0"]


def test_the_end_is_told_at_once(clock: Clock) -> None:
    written: list[str] = []
    lines = Lines(written.append, clock)
    lines.show(VIEW)
    lines.show(EMPTY)
    assert len(written) == 2


def test_the_table_shows_each_pod_with_its_job_and_progress(console: Console) -> None:
    console.print(picture(VIEW, 12.3))
    text = _written(console)
    assert "2 of 14 jobs completed" in text
    assert "pending 3" in text
    row = next(row for row in text.splitlines() if "vod-1a2b3-1" in row)
    for part in ("busy", "HLS 360p", "Lecture", "41 %"):
        assert part in row


def test_a_table_without_pods_says_so(console: Console) -> None:
    console.print(picture(EMPTY, 60))
    assert "none" in _written(console)


def test_what_is_no_terminal_gets_lines(console: Console) -> None:
    with display(console) as screen:
        screen.show(VIEW)
    assert _written(console) == f"   0.0 s  {line(VIEW)}\n"


def test_a_terminal_gets_a_live_table() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with display(console) as screen:
        assert isinstance(screen, LiveTable)
        screen.show(VIEW)
    assert "vod-1a2b3-1" in _written(console)


def test_the_summary_tells_jobs_pods_times_and_parallelism(console: Console) -> None:
    run = Figures(
        jobs={"vod-hls-transcoding": 20, "generate-video-storyboard": 6},
        runners=frozenset({"a", "b"}),
        wall_seconds=50,
        busy_seconds=85,
    )
    console.print(summary(run, results=30, most_pods=2, cores=2))
    text = _written(console)
    for part in ("26 completed: 20 HLS, 6 storyboard", "30 files", "2 in all, 2 at once", "50.0 s", "85.0 s", "1.70"):
        assert part in text


def test_who_keeps_the_demo_is_told_how_to_look_and_how_to_end_it() -> None:
    text = how_to_look("/k/config", "/k/bin", namespace="media", server="http://10.88.0.1:9000", data="/k/data")
    for part in ("KUBECONFIG=/k/config", "kubectl get trp", "http://10.88.0.1:9000/simulation/videos", "demo --down"):
        assert part in text
