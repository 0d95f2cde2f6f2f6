"""The simulated PeerTube answers every recorded call as the real 6.3.0 and 8.2.1 did."""

import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from peers.peertube import recordings
from peers.peertube.profile import PEERTUBE_6_3, PEERTUBE_8_2, ServerProfile
from peers.peertube.recordings import Answer, Leniency, Recording, differences
from peers.peertube.replay import PUBLIC_URL, Player, sign_in, work_off
from peers.peertube.server import running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One recorded session, and what that server had been through before.

    Attributes:
        job, waiting_job, runner_path: As they stand in recorded paths.
        runners: Registered before, the oldest first; those with a description are told by it.
        finished_videos: Worked off before.
        longer_past: Recordings with more rows than there are here, and how many there are here.
    """

    profile: ServerProfile
    job: str
    waiting_job: str
    runner_path: str
    runners: Mapping[str, str | None]
    finished_videos: int
    longer_past: Mapping[str, int] = field(default_factory=dict)

    @property
    def recordings(self) -> list[Recording]:
        return recordings.load(self.profile.version)


SESSIONS = (
    Session(
        profile=PEERTUBE_6_3,
        job="8c981840-5eb5-4358-89f6-4bfde6186bca",
        waiting_job="832074b5-8135-464f-8d8f-6c84189fe485",
        runner_path="/runners/15",
        runners={**{f"runner-{number}": None for number in range(9)}, "rec6": "recording", "g1": None, "g2": None},
        finished_videos=0,
    ),
    Session(
        profile=PEERTUBE_8_2,
        job="e08da8dc-1dc6-4262-be14-ddccd6cf58b5",
        waiting_job="b63b773f-4da3-4aa2-a39e-86d2f96069ea",
        runner_path="/runners/6",
        runners={"rec6": "recording", "rx": None},
        finished_videos=1,
        longer_past={"jobs-count-100-sort-createdat": 12, "jobs-count-5-stateoneof-3": 6},
    ),
)
ALL = [(session, recording) for session in SESSIONS for recording in session.recordings]
RECORDINGS = SESSIONS[1].recordings
REGISTER = "/api/v1/runners/register"
# Calls that were made with something wrong on purpose: these fields must not be filled in.
WRONG_ON_PURPOSE = {
    "token-wrong-password": frozenset({"password"}),
    "token-wrong-client": frozenset({"client_id", "client_secret"}),
    "register-bad-token": frozenset({"registrationToken"}),
    "request-unknown-runner": frozenset({"runnerToken"}),
    "update-wrong-job-token": frozenset({"jobToken"}),
}


class Operator:
    """Replays the numbered recordings in order, with what was done unrecorded between them."""

    def __init__(self, session: Session, player: Player, video: Path) -> None:
        self._session = session
        self._player = player
        self._video = video
        self._before: dict[str, Callable[[], Awaitable[None]]] = {
            "error": self._accept,
            "delete-runner-busy": self._accept,
            "unregister": self._register_another,
            "register-rate-limited": self._exhaust_rate_limit,
        }
        self._after: dict[str, Callable[[Any], None]] = {
            "token-password-grant": self._keep_tokens,
            "token-refresh-reused": self._leave_revoked_bearer,
            "jobs-revoked-token": self._use_fresh_bearer,
            "registration-tokens": self._keep_registration_token,
            "register": self._keep_runner,
            "accept": self._keep_job_token,
        }
        self._fresh_bearer = ""
        self._revoked_bearer = ""

    async def prepare(self) -> None:
        """A short past, and a video whose jobs are all untouched."""
        player = self._player
        self._revoked_bearer = (await sign_in(player, DEFAULT_PASSWORD))["access_token"]
        tokens = await self._register_runners()
        for _ in range(self._session.finished_videos):
            await self._upload()
            assert await work_off(player, tokens[0], self._video.read_bytes()) == 6
        await self._upload()
        pending = await player.admin("GET", "/api/v1/runners/jobs?stateOneOf=1&sort=priority")
        waiting = await player.admin("GET", "/api/v1/runners/jobs?stateOneOf=5")
        player.identifiers = {
            self._session.job: pending["data"][0]["uuid"],
            self._session.waiting_job: waiting["data"][0]["uuid"],
        }
        player.values["password"] = DEFAULT_PASSWORD

    async def _register_runners(self) -> list[str]:
        tokens = await self._player.admin("GET", "/api/v1/runners/registration-tokens")
        body = {"registrationToken": tokens["data"][0]["registrationToken"], "version": "0.6.0"}
        registered = [
            await self._player.send("POST", REGISTER, json={**body, "name": name, "description": description})
            for name, description in self._session.runners.items()
        ]
        return [answer.body["runnerToken"] for answer in registered]

    async def replay(self, recording: Recording) -> Answer:
        if recording.name in self._before:
            await self._before[recording.name]()
        keep = WRONG_ON_PURPOSE.get(recording.name, frozenset())
        answer = await self._player.play(recording, keep)
        if recording.name == "token-refresh-grant":
            self._fresh_bearer = answer.body["access_token"]
        if recording.name in self._after:
            self._after[recording.name](answer.body)
        return answer

    async def _upload(self) -> None:
        files = {"videofile": ("video.mp4", self._video.read_bytes(), "video/mp4")}
        await self._player.admin("POST", "/api/v1/videos/upload", data={"name": "a", "channelId": "1"}, files=files)

    async def _accept(self) -> None:
        body = {"runnerToken": self._player.values["runnerToken"]}
        path = f"/api/v1/runners/jobs/{self._player.identifiers[self._session.job]}/accept"
        self._keep_job_token((await self._player.send("POST", path, json=body)).body)

    async def _register_another(self) -> None:
        body = {"registrationToken": self._player.values["registrationToken"], "name": "rec-2"}
        answer = await self._player.send("POST", REGISTER, json=body)
        self._player.values["runnerToken"] = answer.body["runnerToken"]

    async def _exhaust_rate_limit(self) -> None:
        for _ in range(50):
            await self._player.send("GET", "/api/v1/oauth-clients/local")

    def _keep_tokens(self, body: Any) -> None:
        self._player.values["refresh_token"] = body["refresh_token"]
        self._revoked_bearer = body["access_token"]

    def _leave_revoked_bearer(self, _body: Any) -> None:
        self._player.bearer = self._revoked_bearer

    def _use_fresh_bearer(self, _body: Any) -> None:
        self._player.bearer = self._fresh_bearer

    def _keep_registration_token(self, body: Any) -> None:
        self._player.values["registrationToken"] = body["data"][0]["registrationToken"]

    def _keep_runner(self, body: Any) -> None:
        self._player.values["runnerToken"] = body["runnerToken"]
        self._player.identifiers[self._session.runner_path] = f"/runners/{body['id']}"

    def _keep_job_token(self, body: Any) -> None:
        self._player.values["jobToken"] = body["job"]["jobToken"]


async def _replay_all(session: Session, directory: Path, video: Path) -> dict[str, Answer]:
    settings = Settings(public_url=PUBLIC_URL, data_directory=directory, profile=session.profile)
    async with running(settings) as server:
        player = Player(server.base_url)
        try:
            operator = Operator(session, player, video)
            await operator.prepare()
            # The recorded calls began in a fresh rate limit window; waiting ten seconds for one would be idle.
            server.simulation.api_limiter.forget()
            server.simulation.login_limiter.forget()
            return {recording.name: await operator.replay(recording) for recording in session.recordings}
        finally:
            await player.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Answer]]:
    """By version, then by the recording's name."""
    directory = tmp_path_factory.mktemp("replay")
    video = directory / "five-seconds-240.mp4"
    make_video(video, "426x240", 25, 5)
    return {
        session.profile.version: await _replay_all(session, directory / session.profile.version, video)
        for session in SESSIONS
    }


def make_video(path: Path, size: str, fps: int, seconds: float) -> None:
    picture = f"color=c=teal:size={size}:rate={fps}:duration={seconds}"
    sound = f"sine=duration={seconds}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest"]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *inputs, *codecs, str(path)], check=True)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.profile.version)
def test_there_are_46_recorded_calls_to_each_version(session: Session) -> None:
    assert [recording.number for recording in session.recordings] == list(range(1, 47))


@pytest.mark.parametrize(
    ("session", "recording"), ALL, ids=[f"{session.profile.version}-{recording.name}" for session, recording in ALL]
)
def test_the_simulated_server_answers_like_the_recorded_one(
    session: Session, recording: Recording, answers: dict[str, dict[str, Answer]]
) -> None:
    expected, actual = recording.answer, answers[session.profile.version][recording.name]
    if recording.name in session.longer_past:
        rows = _named("jobs-count-100-sort-createdat").answer.body["data"]
        expected = replace(expected, body={"total": session.longer_past[recording.name], "data": rows})
    leniency = Leniency(
        excerpt=recording.name == "config-excerpt",
        headers=not recording.headers_recorded,
        history=recording.name in session.longer_past,
    )
    assert differences(expected, actual, leniency) == []


def test_each_version_answers_some_calls_as_the_other_does_not(answers: dict[str, dict[str, Answer]]) -> None:
    told_apart = {
        recording.name
        for recording in SESSIONS[0].recordings
        if recording.name not in SESSIONS[1].longer_past
        and differences(recording.answer, answers["8.2.1"][recording.name], Leniency(excerpt=True))
    }
    assert told_apart >= {"oauth-client-wrong-host", "jobs-count-1-stateoneof-77", "runners", "jobs-processing"}


def _named(name: str) -> Recording:
    return next(recording for recording in RECORDINGS if recording.name == name)
