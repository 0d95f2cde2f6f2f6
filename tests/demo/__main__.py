"""`make demo`: jobs appear in PeerTube's queue, runner pods come, real video is transcoded, the pods go."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from demo.closing import how_to_look, summary
from demo.display import display
from demo.programme import PROGRAMME
from demo.scene import NAMESPACE, Scene
from support.cluster import requirements
from support.cluster.errors import ClusterError
from support.cluster.preparation import prepare
from support.cluster.progress import say, step
from support.packaging.helm import HelmError
from support.stage import images, videos
from support.stage.errors import StageError
from support.stage.figures import figures
from support.stage.operatorlog import complaints_of
from support.stage.outputs import all_problems
from support.stage.peertube import Upload

_LONGEST_SECONDS = 900.0
_LOOK_EVERY_SECONDS = 1.0
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all went well; 1: something failed, and was said; 130: interrupted."""
    options = _options(arguments)
    console = Console()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.down:
            console.print("The demo is taken down." if Scene.down() else "No demo stands.")
        else:
            _demo(console, keep=options.keep)
    except KeyboardInterrupt:
        say("interrupted; everything is cleaned up")
        return _INTERRUPTED
    except (ClusterError, StageError, HelmError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="leave everything standing, and say how to look around")
    choice.add_argument("--down", action="store_true", help="take down what --keep has left standing")
    return parser.parse_args(arguments)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _demo(console: Console, *, keep: bool) -> None:
    lacks = requirements.unmet(node=True)
    if lacks:
        raise StageError(f"this machine cannot run the demo; it lacks {'; '.join(lacks)}")
    scene = Scene(keep=keep)
    scene.refuse_second()
    try:
        _play(scene, console)
    except BaseException:
        with _uninterrupted():
            scene.strike()
        raise
    if keep:
        kubeconfig, data = str(scene.cluster.kubeconfig), str(scene.directory / "peertube" / "data")
        server, path = scene.server.url, scene.shell_path()
        scene.leave()
        console.print(
            how_to_look(kubeconfig, path, namespace=NAMESPACE, server=server, data=data),
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    else:
        with _uninterrupted():
            scene.strike()


def _play(scene: Scene, console: Console) -> None:
    prepare(node=True)
    built = images.build(images.runner_source())
    _make_videos()
    scene.start_cluster()
    scene.install(built)
    scene.open_server()
    scene.create_pool()
    with step(f"uploading {len(PROGRAMME)} videos"):
        uploads = scene.server.upload(PROGRAMME)
    most_pods = _watch(scene, uploads, console)
    _judge(scene, uploads, console, most_pods)


def _make_videos() -> None:
    missing = videos.missing(PROGRAMME)
    if missing:
        with step(f"making {len(missing)} videos with FFmpeg"):
            for spec in missing:
                videos.make(spec)


def _watch(scene: Scene, uploads: Sequence[Upload], console: Console) -> int:
    """Show the scene until all is transcoded and no pod is left; the most pods that there were at once."""
    deadline, most = time.monotonic() + _LONGEST_SECONDS, 0
    with display(console) as screen:
        while True:
            view = scene.look(uploads)
            screen.show(view)
            most = max(most, len(view.pods))
            if view.done:
                return most
            if view.failed:
                raise StageError(f"a job failed: {view.failed[0]}")
            if time.monotonic() > deadline:
                raise StageError(f"not done after {_LONGEST_SECONDS:.0f} s: {dict(view.counts)}, pods: {view.pods}")
            time.sleep(_LOOK_EVERY_SECONDS)


def _judge(scene: Scene, uploads: Sequence[Upload], console: Console, most_pods: int) -> None:
    results = scene.server.results(uploads)
    with step("checking every result with ffprobe"):
        wrong = all_problems(results)
    scene.await_nothing_left()
    assert scene.operator is not None
    wrong += complaints_of(scene.operator.log_files(), [scene.server.password])
    if wrong:
        raise StageError("not all is well:\n  " + "\n  ".join(wrong))
    run = figures(scene.server.client.statistics().jobs)
    files = sum(len(video.outputs) for _, video in results)
    console.print(summary(run, results=files, most_pods=most_pods, cores=os.cpu_count() or 1))


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Cleaning up is not to be stopped half-way by a second Ctrl-C."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
