"""The addresses in job payloads (server/core/lib/runners/runner-urls.ts)."""

from dataclasses import dataclass

from peers.peertube.profile import JobShapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """The addresses of one video; always built from the server's public URL."""

    public_url: str
    video_uuid: str
    shapes: JobShapes

    def video(self, job_uuid: str) -> str:
        return f"{self._base(job_uuid)}/videos/{self.video_uuid}/max-quality"

    def audio(self, job_uuid: str) -> str:
        return f"{self.video(job_uuid)}/audio" if self.shapes.audio_address else self.video(job_uuid)

    def thumbnail(self, job_uuid: str) -> str:
        return f"{self._base(job_uuid)}/videos/{self.video_uuid}/{self.shapes.thumbnail_folder}/max-quality"

    def _base(self, job_uuid: str) -> str:
        return f"{self.public_url}/api/v1/runners/jobs/{job_uuid}/files"
