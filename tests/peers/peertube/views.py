"""What the simulation tells its client."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that a runner delivered.

    Attributes:
        kind: `web-video`, `hls`, `storyboard`, `studio` or `captions`.
        resolution: What its job asked for; 0 is sound only, None where the job named none.
        media: duration, width, height, fps, hasVideo, hasAudio as ffprobe saw them; empty for pictures and text.
    """

    kind: str
    path: Path
    playlist: Path | None
    resolution: int | None
    job: str
    media: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVideo:
    """A video on the server.

    Attributes:
        state: `idle`, `transcoding`, `published` or `failed`.
        complete: Every one of its jobs is completed.
        source_path, source: The uploaded file and its figures, as in `Output.media`.
        jobs: State id by job UUID.
    """

    uuid: str
    name: str
    state: str
    complete: bool
    source_path: Path | None
    source: Mapping[str, Any]
    jobs: Mapping[str, int]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSteps:
    """A job's steps, oldest first: {time, before, after, cause, runner, detail}; it outlives the job's row."""

    uuid: str
    type: str
    video: str
    state: int | None
    history: tuple[Mapping[str, Any], ...]

    def count(self, cause: str) -> int:
        return sum(1 for step in self.history if step["cause"] == cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts since the server started.

    Attributes:
        orphans: UUIDs of jobs in processing that nobody works on.
        logins: By `password`, `refresh` and `failed`.
        login_attempts: By `password` and `refresh_token`; those that met a fault are among them.
        requests: By "METHOD /path/{template}", then by status; "0" is a connection that was closed without one.
        seconds: By "METHOD /path/{template}", then by the second of their arrival (Unix time).
        faulty: Requests that met a fault, by its kind.
    """

    accepts: int
    aborts: int
    reclaims: int
    errors: int
    completed: int
    orphans: tuple[str, ...]
    pushes: int
    connected_runners: int
    logins: Mapping[str, int]
    login_attempts: Mapping[str, int]
    requests: Mapping[str, Mapping[str, int]]
    seconds: Mapping[str, Mapping[int, int]]
    faulty: Mapping[str, int]
    jobs: tuple[JobSteps, ...]

    def requests_to(self, route: str) -> int:
        return sum(self.requests.get(route, {}).values())

    def arrived(self, since: float, until: float = math.inf, *, route: str = "") -> int:
        """How many requests came in between, to routes whose name begins so; whole seconds, Unix time."""
        return sum(
            number
            for name, seconds in self.seconds.items()
            if name.startswith(route)
            for second, number in seconds.items()
            if since <= second < until
        )

    def most_in_a_second(self, route: str = "") -> int:
        """Requests in the busiest second, to routes whose name begins so."""
        total: Counter[int] = Counter()
        for name, seconds in self.seconds.items():
            if name.startswith(route):
                total.update(seconds)
        return max(total.values(), default=0)


def video(row: JSON) -> SimulatedVideo:
    source = dict(row["source"] or {})
    path = source.pop("path", None)
    return SimulatedVideo(
        uuid=row["uuid"],
        name=row["name"],
        state=row["state"],
        complete=row["complete"],
        source_path=Path(path) if path else None,
        source=source,
        jobs=row["jobs"],
        outputs=tuple(_output(output) for output in row["outputs"]),
    )


def _output(row: JSON) -> Output:
    return Output(
        kind=row["kind"],
        path=Path(row["path"]),
        playlist=Path(row["playlist"]) if row["playlist"] else None,
        resolution=row["resolution"],
        job=row["jobUUID"],
        media=row["media"],
    )


def statistics(document: JSON) -> Statistics:
    figures = {name: document[name] for name in ("accepts", "aborts", "reclaims", "errors", "completed", "pushes")}
    return Statistics(
        **figures,
        orphans=tuple(document["orphans"]),
        connected_runners=document["connectedRunners"],
        logins=document["logins"],
        login_attempts=document["loginAttempts"],
        requests=document["requests"],
        seconds={
            route: {int(second): number for second, number in seconds.items()}
            for route, seconds in document["seconds"].items()
        },
        faulty=document["faulty"],
        jobs=tuple(
            JobSteps(
                uuid=row["uuid"],
                type=row["type"],
                video=row["videoUUID"],
                state=row["state"],
                history=tuple(row["history"]),
            )
            for row in document["jobs"]
        ),
    )
