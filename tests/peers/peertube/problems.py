"""Errors as the server words them: problem+json (server/core/middlewares/error.ts)."""

import http
from typing import Any

from aiohttp import web

from peers.peertube.profile import ServerProfile
from peers.peertube.records import JSON

DOCS = "https://docs.joinpeertube.org/api-rest-reference.html"


class Problem(Exception):
    """A request that ends with an error body."""

    def __init__(self, status: int, detail: str, *, code: str | None = None, docs: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.docs = docs
        self.invalid: JSON = {}
        self.headers: dict[str, str] = {}

    def response(self, request: web.Request, profile: ServerProfile) -> web.Response:
        body: JSON = {"type": "about:blank", "title": http.HTTPStatus(self.status).phrase}
        if self.code is not None:
            body = {"type": f"{DOCS}#section/Errors/{self.code}"}
        body["detail"] = self.detail
        if self.invalid:
            body["instance"] = request.path_qs
        body["status"] = self.status
        if self.docs is not None:
            body["docs"] = f"{DOCS}#operation/{self.docs}"
        if self.code is not None:
            body["code"] = self.code
        if self.invalid:
            body["invalid-params"] = self.invalid
        if profile.legacy_error:
            body["error"] = self.detail
        return web.json_response(
            body, status=self.status, headers=self.headers, content_type="application/problem+json"
        )


class Invalid(Problem):
    """Parameters that the validators refuse."""

    def __init__(self, name: str, value: Any, *, where: str, message: str = "Invalid value") -> None:
        super().__init__(400, f"Incorrect request parameters: {name}")
        entry: JSON = {"type": "field", "msg": message, "path": name, "location": where}
        if value is not None:
            entry = {"type": "field", "value": value, "msg": message, "path": name, "location": where}
        self.invalid = {name: entry}


def unknown_job() -> Problem:
    return Problem(404, "Unknown runner job")


def unknown_runner_token() -> Problem:
    return Problem(404, "Unknown runner token", code="unknown_runner_token")
