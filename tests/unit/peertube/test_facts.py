"""What the public configuration tells of a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.job_types import JOB_TYPES, JobType
from runnerpool.peertube.facts import facts_of
from runnerpool.peertube.wire import WireConfig
from runnerpool.planning.server import ServerFacts

RECORDINGS = Path(__file__).parents[2] / "contract" / "recordings"
VOD = frozenset({JobType.WEB_VIDEO, JobType.HLS, JobType.AUDIO_MERGE})
ON, OFF = {"enabled": True}, {"enabled": False}


def facts(**body: Any) -> ServerFacts:
    return facts_of(WireConfig.model_validate_json(json.dumps({"serverVersion": "8.2.1"} | body)))


# The recorded 8.2.1 made storyboard jobs for runners, though the excerpt leaves that switch out.
@pytest.mark.parametrize(
    ("version", "filters", "more"), [("6.3.0", False, frozenset()), ("8.2.1", True, {JobType.STORYBOARD})]
)
def test_the_recorded_servers_are_read(version: str, filters: bool, more: frozenset[JobType]) -> None:
    body = json.loads((RECORDINGS / version / "01-config-excerpt.json").read_text())["response"]["body"]

    assert facts(**body) == ServerFacts(
        version=version, remote_job_types=VOD | {JobType.LIVE, JobType.STUDIO} | more, filters_by_type=filters
    )


@pytest.mark.parametrize(
    ("changes", "off"),
    [
        ({"transcoding": {"remoteRunners": OFF}}, VOD),
        ({"live": {"enabled": True, "transcoding": {"enabled": True, "remoteRunners": OFF}}}, {JobType.LIVE}),
        ({"live": {"enabled": True, "transcoding": {"enabled": False, "remoteRunners": ON}}}, {JobType.LIVE}),
        ({"live": {"enabled": False, "transcoding": {"enabled": True, "remoteRunners": ON}}}, {JobType.LIVE}),
        ({"videoStudio": {"enabled": True, "remoteRunners": OFF}}, {JobType.STUDIO}),
        ({"videoStudio": {"enabled": False, "remoteRunners": ON}}, {JobType.STUDIO}),
        ({"videoTranscription": {"enabled": False, "remoteRunners": OFF}}, {JobType.TRANSCRIPTION}),
        ({"storyboards": {"enabled": True, "remoteRunners": OFF}}, {JobType.STORYBOARD}),
        ({"storyboards": {"enabled": False, "remoteRunners": ON}}, {JobType.STORYBOARD}),
        ({"storyboards": {"enabled": True, "remoteRunners": ON}}, set()),
    ],
)
def test_a_switch_that_is_off_takes_its_job_types_away(changes: dict[str, Any], off: set[JobType]) -> None:
    assert facts(**changes).remote_job_types == frozenset(JOB_TYPES) - off


@pytest.mark.parametrize(
    ("text", "version", "filters"),
    [
        ("6.3.0", "6.3.0", False),
        ("6.99.1", "6.99.1", False),
        ("7.0.0", "7.0.0", True),
        ("7.0.0-rc.1", "7.0.0", True),
        ("v8.2.1", "8.2.1", True),
        ("10.0.0", "10.0.0", True),
        ("8.2", "unknown", False),
        ("nightly canary", "unknown", False),
        ("99999.0.0", "unknown", False),
    ],
)
def test_a_version_is_understood_or_not_trusted(text: str, version: str, filters: bool) -> None:
    told = facts(serverVersion=text)

    assert (told.version, told.filters_by_type) == (version, filters)


def test_storyboards_are_no_work_of_a_server_that_does_not_know_them() -> None:
    assert JobType.STORYBOARD not in facts(serverVersion="7.3.0").remote_job_types


@given(st.text(min_size=1, max_size=1000))
def test_no_text_of_the_server_but_a_number_is_handed_on(text: str) -> None:
    version = facts(serverVersion=text).version

    assert version == "unknown" or set(version) <= set("0123456789.")
