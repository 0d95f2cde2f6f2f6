"""Shows the scene while it changes: a live table on a terminal, else a line whenever something changed."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo.view import JobView, PodPhase, View

LINE_EVERY_SECONDS = 2.0
_BAR_WIDTH = 30
_COLOURS = {
    PodPhase.GATED: "dim",
    PodPhase.STARTING: "yellow",
    PodPhase.IDLE: "cyan",
    PodPhase.BUSY: "green",
    PodPhase.DRAINING: "magenta",
    PodPhase.ENDED: "dim",
}


class Display(Protocol):
    def show(self, view: View) -> None: ...


class LiveTable:
    """The terminal's bottom lines, drawn anew at each look."""

    def __init__(self, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        self._live = live
        self._clock = clock
        self._start = clock()

    def show(self, view: View) -> None:
        self._live.update(picture(view, self._clock() - self._start))


class Lines:
    """For logs: one line whenever something changed, at most one every two seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._start = clock()
        self._last_text = ""
        self._last_time = float("-inf")

    def show(self, view: View) -> None:
        text, now = line(view), self._clock()
        if text != self._last_text and (view.done or now - self._last_time >= LINE_EVERY_SECONDS):
            self._write(f"{now - self._start:6.1f} s  {text}")
            self._last_text, self._last_time = text, now


@contextmanager
def display(console: Console) -> Iterator[Display]:
    """What fits the console."""
    if not console.is_terminal:
        yield Lines(lambda text: console.print(text, highlight=False, soft_wrap=True))
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield LiveTable(live)


def line(view: View) -> str:
    """The scene in one line."""
    queue = ", ".join(f"{count} {state}" for state, count in view.counts.items())
    phases = Counter(pod.phase for pod in view.pods)
    pods = ", ".join(f"{phases[phase]} {phase}" for phase in PodPhase if phases[phase]) or "none"
    return f"jobs: {queue} | pods: {pods}"


def picture(view: View, seconds: float) -> Group:
    """The scene as tables."""
    return Group(_headline(view, seconds), _pods(view))


def _headline(view: View, seconds: float) -> Table:
    grid = Table.grid(padding=(0, 2))
    completed = view.counts["completed"]
    queue = "  ".join(f"{state} {count}" for state, count in view.counts.items() if state != "completed")
    bar = ProgressBar(total=max(1, view.total), completed=completed, width=_BAR_WIDTH)
    grid.add_row(f"{seconds:5.0f} s", bar, f"{completed} of {view.total} jobs completed", Text(queue, style="dim"))
    return grid


def _pods(view: View) -> Table:
    table = Table(expand=False)
    for heading in ("Pod", "State", "Job", "Video"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Progress", no_wrap=True, min_width=_BAR_WIDTH // 2 + 6)
    jobs = {job.pod: job for job in view.jobs}
    for pod in view.pods:
        job = jobs.pop(pod.name, None)
        cells = (job.what, job.video, _progress(job)) if job else ("", "", "")
        table.add_row(pod.name, Text(pod.phase, style=_COLOURS[pod.phase]), *cells)
    if not view.pods:
        table.add_row(Text("none", style="dim"), "", "", "", "")
    return table


def _progress(job: JobView) -> Table | str:
    if job.percent is None:
        return ""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=100, completed=job.percent, width=_BAR_WIDTH // 2), f"{job.percent:3d} %")
    return grid
