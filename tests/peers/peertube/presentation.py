"""Rows as the API shows them; the order of keys is the real server's."""

from peers.peertube.clock import iso
from peers.peertube.profile import ServerProfile
from peers.peertube.records import JSON, Job, JobState, RegistrationToken, Runner


class Presenter:
    def __init__(self, profile: ServerProfile) -> None:
        self._profile = profile

    def job_for_admin(self, job: Job) -> JSON:
        shown = self._job(job)
        if job.parent is not None:
            runner = shown.pop("runner")
            shown |= {"parent": self._parent(job.parent), "runner": runner}
        return {**shown, "privatePayload": job.private_payload}

    def job_for_runner(self, job: Job) -> JSON:
        """A runner learns nothing of the job's parent."""
        return {**self._job(job), "jobToken": job.token}

    def runner(self, runner: Runner) -> JSON:
        shown: JSON = {
            "id": runner.id,
            "name": runner.name,
            "description": runner.description,
            "ip": runner.ip,
            "lastContact": iso(runner.last_contact),
        }
        if self._profile.tells_runner_version:
            shown["version"] = runner.version
        return {**shown, "createdAt": iso(runner.created_at), "updatedAt": iso(runner.updated_at)}

    def registration_token(self, token: RegistrationToken, registered: int) -> JSON:
        return {
            "id": token.id,
            "registrationToken": token.value,
            "createdAt": iso(token.created_at),
            "updatedAt": iso(token.created_at),
            "registeredRunnersCount": registered,
        }

    def _job(self, job: Job) -> JSON:
        shown: JSON = {
            "uuid": job.uuid,
            "type": job.type,
            "state": self._state(job.state),
            "progress": job.progress,
            "priority": job.priority,
            "failures": job.failures,
            "error": job.error,
            "payload": job.payload,
        }
        if job.started_at is not None:
            shown["startedAt"] = iso(job.started_at)
        if job.finished_at is not None:
            shown["finishedAt"] = iso(job.finished_at)
        shown["createdAt"] = iso(job.created_at)
        shown["updatedAt"] = iso(job.updated_at)
        shown["runner"] = self._credit(job.runner)
        return shown

    def _parent(self, parent: Job) -> JSON:
        return {"id": parent.id, "uuid": parent.uuid, "type": parent.type, "state": self._state(parent.state)}

    def _state(self, state: JobState) -> JSON:
        return {"id": int(state), "label": self._profile.state_labels[state]}

    def _credit(self, runner: Runner | None) -> JSON | None:
        if runner is None:
            return None
        return {"id": runner.id, "name": runner.name, "description": runner.description}
