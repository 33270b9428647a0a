"""Over which connections does the Git client speak, and what do a server's answers mean?"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import urllib3

from slipway_data.sources.web import REDIRECTS, Web, server, shown
from slipway_pod.errors import BadConfig, BadData

COMPLAINT = b"ERR "
"""How a packet begins, after its four digits of length, in which a server says why it refuses."""


class Pool:
    """Connections to the server of `url`, for dulwich. Answers mean what they mean elsewhere (see Web)."""

    def __init__(self, url: str, web: Web) -> None:
        self._url, self._web = url, web
        self.headers: dict[str, str] = {"User-Agent": "git/slipway"}
        self.complaint = ""
        """Why the server refused, where it did: dulwich only hears the end of the connection."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """Return a good answer; raise Passing, or what is wrong for good."""
        if server(url) != server(self._url):
            # Packs may name further addresses. The credentials are for none of them.
            raise BadData("GitRefused", f"source.git: {shown(self._url)} wants {shown(url)} to be read: it is not")
        with self._web.speaking(url):
            answer = self._web.pool.request(method, url, redirect=False, **options)
        try:
            self._must_be_git(url, answer)
        except BaseException:
            answer.close()
            raise
        return self._overheard(answer)

    def _must_be_git(self, url: str, answer: urllib3.BaseHTTPResponse) -> None:
        if answer.status in REDIRECTS:
            # Credentials go where the spec says, and nowhere that a server says.
            moved = shown(urljoin(url, answer.headers.get("Location", ""))).removesuffix("/info/refs")
            raise BadConfig("Moved", f"source.git: the repository moved from {shown(url)}: set url to {moved}")
        self._web.must_be_good(url, answer)
        if not answer.headers.get("Content-Type", "").startswith("application/x-git-"):
            raise BadData("NotARepository", f"source.git: {shown(url)} is no Git repository: correct url")

    def _overheard(self, answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
        read = answer.read

        def reading(*arguments: Any, **options: Any) -> bytes:
            piece = read(*arguments, **options)
            if piece.startswith(COMPLAINT):
                self.complaint = piece.removeprefix(COMPLAINT).decode(errors="replace").strip()
            return piece

        answer.read = reading  # type: ignore[method-assign]
        return answer
