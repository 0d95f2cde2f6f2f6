"""Registered runners and the tokens that let them register (server/core/controllers/api/runners/)."""

import uuid
from datetime import timedelta

from peers.peertube.clock import Clock
from peers.peertube.jobs import JobQueue
from peers.peertube.problems import Problem, unknown_runner_token
from peers.peertube.profile import ServerProfile
from peers.peertube.records import RegistrationToken, Runner


class RunnerRegistry:
    def __init__(self, *, profile: ServerProfile, clock: Clock, queue: JobQueue) -> None:
        self._throttle = timedelta(seconds=clock.scaled(profile.last_contact_throttle_seconds))
        self._clock = clock
        self._queue = queue
        self._runners: dict[int, Runner] = {}
        self._tokens: dict[int, RegistrationToken] = {}
        self._last_runner_id = 0
        self._last_token_id = 0
        self.generate_token()

    @property
    def runners(self) -> list[Runner]:
        return list(self._runners.values())

    @property
    def tokens(self) -> list[RegistrationToken]:
        return list(self._tokens.values())

    def generate_token(self) -> RegistrationToken:
        self._last_token_id += 1
        token = RegistrationToken(id=self._last_token_id, value=f"ptrrt-{uuid.uuid4()}", created_at=self._clock.now())
        self._tokens[token.id] = token
        return token

    def delete_token(self, token_id: int) -> None:
        """Remove a registration token and every runner that registered with it.

        Raises:
            Problem: 404, no such token.
        """
        if self._tokens.pop(token_id, None) is None:
            raise Problem(404, "Registration token not found")
        for runner in self.registered_with(token_id):
            self._remove(runner)

    def registered_with(self, token_id: int) -> list[Runner]:
        return [runner for runner in self._runners.values() if runner.registration_token_id == token_id]

    def register(
        self, *, registration_token: str, name: str, description: str | None, version: str | None, ip: str
    ) -> Runner:
        """Add a runner.

        Raises:
            Problem: 404 for an unknown registration token, 400 for a name that is taken.
        """
        token = next((token for token in self._tokens.values() if token.value == registration_token), None)
        if token is None:
            raise Problem(404, "Registration token is invalid")
        if any(runner.name == name for runner in self._runners.values()):
            raise Problem(400, "This runner name already exists on this instance")
        self._last_runner_id += 1
        now = self._clock.now()
        runner = Runner(
            id=self._last_runner_id,
            name=name,
            description=description,
            token=f"ptrt-{uuid.uuid4()}",
            registration_token_id=token.id,
            ip=ip,
            version=version,
            last_contact=now,
            created_at=now,
            updated_at=now,
        )
        self._runners[runner.id] = runner
        return runner

    def find(self, runner_token: object) -> Runner | None:
        return next((runner for runner in self._runners.values() if runner.token == runner_token), None)

    def by_token(self, runner_token: object) -> Runner:
        """The runner that holds the token.

        Raises:
            Problem: 404 `unknown_runner_token`.
        """
        runner = self.find(runner_token)
        if runner is None:
            raise unknown_runner_token()
        return runner

    def touch(self, runner: Runner, *, ip: str, version: str | None = None) -> None:
        """Note a contact; written once in 30 s."""
        now = self._clock.now()
        if now - runner.last_contact < self._throttle:
            return
        runner.last_contact = now
        runner.updated_at = now
        runner.ip = ip
        runner.version = version or runner.version

    def delete(self, runner_id: int) -> None:
        """Remove a runner; its jobs keep their state.

        Raises:
            Problem: 404, no such runner.
        """
        runner = self._runners.get(runner_id)
        if runner is None:
            raise Problem(404, "Runner not found")
        self._remove(runner)

    def unregister(self, runner: Runner) -> None:
        self._remove(runner)

    def _remove(self, runner: Runner) -> None:
        del self._runners[runner.id]
        self._queue.forget_runner(runner)
