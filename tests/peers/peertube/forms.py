"""Multipart bodies, written to disk as they arrive."""

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import BodyPartReader, web

from peers.peertube.completion import Part
from peers.peertube.problems import Problem

CHUNK_BYTES = 256 * 1024
FIELD_BYTES = 64 * 1024


@dataclass(slots=True)
class Form:
    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Part] = field(default_factory=dict)

    def discard(self) -> None:
        """Remove the files that nobody kept."""
        for part in self.files.values():
            part.path.unlink(missing_ok=True)


async def read_form(request: web.Request, directory: Path) -> Form:
    """Read fields into memory and files into the directory.

    Raises:
        Problem: 400, the sender went away or the parts are malformed; what is half there is removed.
    """
    form = Form()
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                continue
            if part.filename is None:
                form.fields[part.name] = (await part.read(decode=True))[:FIELD_BYTES].decode(errors="replace")
            else:
                path = directory / f"{uuid.uuid4()}{Path(part.filename).suffix}"
                form.files[part.name] = Part(path=path, filename=part.filename)
                await _save(part, path)
    except (ConnectionResetError, ValueError) as error:
        form.discard()
        raise Problem(400, "Request aborted") from error
    except BaseException:
        form.discard()
        raise
    return form


async def _save(part: BodyPartReader, path: Path) -> None:
    with path.open("wb") as target:
        while chunk := await part.read_chunk(CHUNK_BYTES):
            target.write(chunk)
