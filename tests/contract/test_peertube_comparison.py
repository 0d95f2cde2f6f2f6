"""The comparison with recordings finds what is wrong with an answer, and what it lets pass is little."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from peers.peertube import recordings
from peers.peertube.recordings import Answer, Leniency, Recording, differences
from peers.peertube.replay import PUBLIC_HOST

RECORDINGS = recordings.load("8.2.1")


def _changed(recording: Recording, change: Callable[[Any], None]) -> Answer:
    body = deepcopy(recording.answer.body)
    change(body)
    return replace(recording.answer, body=body)


def _named(name: str) -> Recording:
    return next(recording for recording in RECORDINGS if recording.name == name)


MUTATIONS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "a key is missing": ("jobs-processing", lambda body: body["data"][0].pop("priority")),
    "a key is too many": ("jobs-processing", lambda body: body["data"][0].update(extra=1)),
    "a number became a text": ("jobs-processing", lambda body: body["data"][0].update(priority="95")),
    "a value became null": ("accept", lambda body: body["job"].update(jobToken=None)),
    "the state's label changed": ("jobs-processing", lambda body: body["data"][0]["state"].update(label="Busy")),
    "the time has no milliseconds": ("runners", lambda body: body["data"][0].update(createdAt="2026-11-23T18:24:11Z")),
    "the code changed": ("unregister-again", lambda body: body.update(code="unknown_token")),
    "the detail changed": ("accept-again", lambda body: body.update(detail="Taken")),
    "a download's address changed": (
        "jobs-processing",
        lambda body: body["data"][0]["payload"]["input"].update(videoFileUrl="https://video.example.org/file"),
    ),
    "a row is missing": ("runners", lambda body: body["data"].clear()),
    "the refused value changed": (
        "jobs-count-1-stateoneof-77",
        lambda body: body["invalid-params"]["stateOneOf"].update(value=["78"]),
    ),
    "the failures are not counted": ("jobs-after-error", lambda body: body["data"][0].update(failures=0)),
    "the total changed": ("jobs-count-0-stateoneof-1-stateoneof-2", lambda body: body.update(total=3)),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_comparison_finds_a_changed_body(mutation: str) -> None:
    name, change = MUTATIONS[mutation]
    recording = _named(name)
    assert differences(recording.answer, recording.answer) == []
    assert differences(recording.answer, _changed(recording, change)) != []


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("accept-again", {"status": 409}),
        ("accept-again", {"headers": {"content-type": "application/json", "x-ratelimit-limit": "50"}}),
        ("register-rate-limited", {"headers": {"content-type": "text/html; charset=utf-8", "retry-after": "soon"}}),
        ("error", {"headers": {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "3"}}),
        ("ping", {"body": None}),
    ],
)
def test_the_comparison_finds_a_changed_status_or_header(name: str, changed: dict[str, Any]) -> None:
    recording = _named(name)
    assert differences(recording.answer, replace(recording.answer, **changed)) != []


def test_the_recordings_use_the_host_that_the_player_sends() -> None:
    addresses = [recording for recording in RECORDINGS if PUBLIC_HOST in str(recording.answer.body)]
    assert addresses, "no recorded body holds the public address, so downloads would not be compared"


def test_a_comparison_with_a_longer_past_still_finds_a_wrong_row() -> None:
    recording = _named("jobs-count-100-sort-createdat")
    few = _changed(recording, lambda body: body.update(data=body["data"][:3]))
    strange = _changed(recording, lambda body: body.update(data=[{**body["data"][0], "parent": 7}]))
    unknown = _changed(recording, lambda body: body.update(data=[{**body["data"][0], "type": "video-import"}]))
    history = Leniency(history=True)
    assert differences(recording.answer, few, history) == []
    assert differences(recording.answer, few) != []
    assert differences(recording.answer, strange, history) != []
    assert differences(recording.answer, unknown, history) != []
