"""Two conversations of runner and server made comparable: one line an event, what differs by chance replaced."""

import json
import re
from pathlib import Path
from typing import Any

Event = dict[str, Any]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CHANCE = (
    (re.compile(rf"(ptr?j?r?t)-{_UUID}"), r"\1-*"),
    (re.compile(_UUID), "*"),
    # What the server offers when a socket opens is its own business.
    (re.compile(r'(?<=runner: 0)\{"sid":.*\}$'), "{…}"),
    (re.compile(r"boundary=-{26}[0-9a-f]{24}$"), "boundary=*"),
    (re.compile(r'"sid":"[^"]+"'), '"sid":"*"'),
)
_PING_AND_PONG = {"2", "3"}


def load(path: Path, start: float, end: float) -> list[Event]:
    """What a recording holds from second `start` up to second `end`."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in events if start <= event["t"] < end]


def lines(events: list[Event]) -> list[str]:
    """Every event but pings as a line; what differs from run to run by chance is replaced by `*`."""
    return [_line(event) for event in events if event.get("text") not in _PING_AND_PONG]


def calls_of_jobs(events: list[Event]) -> dict[str, list[list[str]]]:
    """The lines of each job's calls, in order, by job type; repeated reports of progress count once."""
    by_job: dict[str, list[str]] = {}
    types: dict[str, str] = {}
    for event in events:
        uuid = _job(event)
        if uuid is None:
            continue
        types.setdefault(uuid, _type(uuid, events))
        known = by_job.setdefault(uuid, [])
        line = re.sub(r"progress=\d+", "progress=*", _line(event))
        if not known or known[-1] != line:
            known.append(line)
    result: dict[str, list[list[str]]] = {}
    for uuid, said in by_job.items():
        result.setdefault(types[uuid], []).append(said)
    return result


def _line(event: Event) -> str:
    if event["kind"] == "http":
        text = _call(event)
    elif event["kind"] == "ws":
        text = f"{event['dir']}: {event['text']}"
    else:
        text = " ".join([event["kind"], event.get("path", "")]).strip()
    return _without_chance(text)


def _call(event: Event) -> str:
    headers = event["headers"]
    said = _json(event["body"]) if isinstance(event["body"], dict) else _parts(event["body"])
    kind = _without_chance(headers["content-type"])
    return f"{event['method']} {event['path']} [{kind}] accept={headers['accept']} ({said}) -> {event['status']}"


def _json(body: dict[str, Any]) -> str:
    free_text = {"name", "description"}
    return ", ".join(f"{name}={'*' if name in free_text else json.dumps(value)}" for name, value in body.items())


def _parts(body: list[Event]) -> str:
    return ", ".join(f"{part['name']}={_part_value(part)}" for part in body)


def _part_value(part: Event) -> str:
    if part["filename"] is None:
        return f"{part['value']}"
    return f"file {part['filename']} of type {part['type']}"


def _job(event: Event) -> str | None:
    found = re.search(rf"/jobs/({_UUID})/", event.get("path", ""))
    return found[1] if found else None


def _type(uuid: str, events: list[Event]) -> str:
    for event in events:
        for job in (event.get("response") or {}).get("availableJobs", []):
            if job["uuid"] == uuid:
                return str(job["type"])
    raise ValueError(f"job {uuid} was never offered in this conversation")


def _without_chance(text: str) -> str:
    for pattern, replacement in _CHANCE:
        text = pattern.sub(replacement, text)
    return text
