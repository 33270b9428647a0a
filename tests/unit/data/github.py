"""A double of GitHub's REST API: repositories, searches, trees and blobs, with its headers, limits and ways to fail.

After https://docs.github.com/en/rest: search, git/trees, git/blobs, rate limits, and conditional requests.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.unit.data.webserver import START, Answer, Asked, Time

ABOUT_ONE = {
    "SAML": "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to "
    "this organization.",
    "allow list": "Although you appear to have the correct authorization credentials, the `ann` organization has an IP "
    "allow list enabled, and your IP address is not permitted to access this resource.",
    "OAuth": "Although you appear to have the correct authorization credentials, the `ann` organization has enabled "
    "OAuth App access restrictions, meaning that data access to third-parties is limited.",
    "lifetime": "The 'ann' organization forbids access via a fine-grained personal access tokens if the token's "
    "lifetime is greater than 366 days. Please adjust your token's lifetime at the following URL: "
    "https://github.com/settings/personal-access-tokens/1",
    "classic": "`ann` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a "
    "personal access token with fine-grained permissions.",
}
"""What GitHub says with status 403 of one repository, or all of one organisation."""
TOO_LARGE = (
    "This API returns blobs up to 100 MB in size. The requested blob is too large to fetch via the API, but you can "
    "always clone the repository via Git in order to obtain it."
)
"""And of a file."""
ABOUT_TOKEN = {
    "fine-grained": "Resource not accessible by personal access token",
    "app": "Resource not accessible by integration",
    "suspended": "Sorry. Your account was suspended.",
}
"""And of who asks."""
LIMITS = {"core": 5000, "search": 30}
WINDOWS = {"core": 3600, "search": 60}


def blob_name(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repo:
    """A repository."""

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    stars: int = 1
    language: str = "Python"
    licence: str | None = "MIT"
    topics: tuple[str, ...] = ("blender",)
    kibibytes: int = 100
    links: dict[str, str] = field(default_factory=dict)
    too_large: bool = False
    """Whether its tree is cut when it is asked for as a whole."""
    status: int = 200
    """Of its trees."""
    words: str = ""
    """What is said where this is 403."""
    faults: dict[str, Answer] = field(default_factory=dict)
    """Files by their path that are answered so."""
    troubles: int = 10**9
    """How often its trees and files are answered so, before they are given."""

    def fails(self) -> bool:
        self.troubles -= 1
        return self.troubles >= 0

    def shown(self) -> dict[str, Any]:
        key = "other" if self.licence == "NOASSERTION" else (self.licence or "").lower()
        spdx = self.licence and {"key": key, "spdx_id": self.licence}
        return {
            "full_name": self.name,
            "default_branch": "main/line",
            "stargazers_count": self.stars,
            "license": spdx,
            "size": self.kibibytes,
            "private": False,
        }

    def tree(self, folder: str, recursive: bool) -> dict[str, Any]:
        entries = list(self._entries(folder, recursive))
        cut = recursive and self.too_large and not folder
        return {"sha": self.tree_name(folder), "tree": entries[:1] if cut else entries, "truncated": cut}

    def tree_name(self, folder: str) -> str:
        return hashlib.sha1(f"{self.name}:{folder}".encode()).hexdigest()

    def folders(self) -> set[str]:
        paths = [*self.files, *self.links]
        return {path[: at.start() + 1] for path in paths for at in re.finditer("/", path)}

    def _entries(self, folder: str, recursive: bool) -> Iterator[dict[str, Any]]:
        def inside(path: str) -> bool:
            rest = path.removeprefix(folder).rstrip("/")
            return path.startswith(folder) and path != folder and (recursive or "/" not in rest)

        for path in sorted(filter(inside, self.folders())):
            yield {"path": path[len(folder) : -1], "mode": "040000", "type": "tree", "sha": self.tree_name(path)}
        for path in sorted(filter(inside, self.files)):
            content = self.files[path]
            common = {"path": path[len(folder) :], "type": "blob"}
            yield {**common, "mode": "100644", "sha": blob_name(content), "size": len(content)}
        for path in sorted(filter(inside, self.links)):
            target = self.links[path].encode()
            common = {"path": path[len(folder) :], "type": "blob", "size": len(target)}
            yield {**common, "mode": "120000", "sha": blob_name(target)}


@dataclass
class GitHub:
    """The API, as a site to serve."""

    time: Time
    repos: list[Repo] = field(default_factory=list)
    token: str = ""
    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    next: list[Answer] = field(default_factory=list)
    """Answers that come instead of the next ones."""
    incomplete: int = 0
    """How many searches end before their time."""
    shown: int = 1000
    """How many results of a search can be seen."""
    asked: list[str] = field(default_factory=list)
    heard: list[Asked] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    _used: Counter[str] = field(default_factory=Counter)
    _resets: dict[str, float] = field(default_factory=dict)

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked.path)
        self.heard.append(asked)
        answer = self.next.pop(0) if self.next else self._limited(asked)
        self.statuses[answer.status] += 1
        return answer

    def calls(self, word: str) -> int:
        return sum(word in path for path in self.asked)

    def _limited(self, asked: Asked) -> Answer:
        kind = "search" if asked.path.startswith("/search/") else "core"
        now = START + self.time.seconds
        if now >= self._resets.get(kind, 0):
            self._used[kind], self._resets[kind] = 0, int(now) + WINDOWS[kind]
        if self._used[kind] >= self.limits[kind]:
            return said(403, "API rate limit exceeded for user ID 1.", self._headers(kind))
        answer = self._answer(asked)
        etag = f'W/"{hashlib.sha256(answer.body).hexdigest()}"'
        if answer.status == 200 and asked.headers.get("If-None-Match") == etag:
            # Not counted: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
            return Answer(304, headers={**self._headers(kind), "ETag": etag})
        self._used[kind] += 1
        return Answer(answer.status, answer.body, {**self._headers(kind), "ETag": etag})

    def _headers(self, kind: str) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limits[kind]),
            "X-RateLimit-Remaining": str(max(0, self.limits[kind] - self._used[kind])),
            "X-RateLimit-Used": str(self._used[kind]),
            "X-RateLimit-Reset": str(int(self._resets[kind])),
            "X-RateLimit-Resource": kind,
        }

    def _answer(self, asked: Asked) -> Answer:
        authorization = asked.headers.get("Authorization", "")
        if authorization != (f"Bearer {self.token}" if self.token else ""):
            return said(401, "Bad credentials")
        parts = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/search/repositories":
            return self._search(query)
        match = re.fullmatch(r"/repos/([^/]+/[^/]+)/git/(trees|blobs)/([^/]+)", parts.path)
        repo = next((one for one in self.repos if match and one.name == match[1]), None)
        if match is None or repo is None:
            return said(404, "Not Found")
        if match[2] == "trees":
            return self._tree(repo, unquote(match[3]), "recursive" in query)
        path, content = next(((at, one) for at, one in repo.files.items() if blob_name(one) == match[3]), ("", b""))
        assert "raw" in asked.headers["Accept"]
        if path in repo.faults and repo.fails():
            return repo.faults[path]
        return Answer(body=content) if path else said(404, "Not Found")

    def _tree(self, repo: Repo, name: str, recursive: bool) -> Answer:
        if repo.status != 200 and repo.fails():
            return _not_given(repo)
        folders = {repo.tree_name(folder): folder for folder in repo.folders()} | {"main/line": ""}
        if name not in folders:
            return said(404, "Not Found")
        return Answer(body=json.dumps(repo.tree(folders[name], recursive)).encode())

    def _search(self, query: dict[str, str]) -> Answer:
        size, page = int(query["per_page"]), int(query["page"])
        if (page - 1) * size >= self.shown:
            return said(422, f"Only the first {self.shown} search results are available")
        words = re.findall(r'(\w+):("[^"]*"|\S+)|(\S+)', query["q"])
        if any(name == "user" and value == "nobody" for name, value, _ in words):
            return said(422, "Validation Failed")
        found = [repo for repo in self.repos if all(_matches(repo, *word) for word in words)]
        found.sort(key=lambda repo: -repo.stars)
        partial = self.incomplete > 0
        self.incomplete -= partial
        here = found[(page - 1) * size : page * size][: 1 if partial else None]
        shown = {"total_count": len(found), "incomplete_results": partial, "items": [repo.shown() for repo in here]}
        return Answer(body=json.dumps(shown).encode())


def _not_given(repo: Repo) -> Answer:
    match repo.status:
        case 403 if not repo.words:
            blocked = {"message": "Repository access blocked", "block": {"reason": "tos"}}
            return Answer(403, json.dumps(blocked).encode())
        case 403:
            return said(403, repo.words)
        case 409:
            return said(409, "Git Repository is empty.")
        case 451:
            return said(451, "Repository access blocked")
    return Answer(repo.status, b"<html><title>Unicorn! &middot; GitHub</title>")


def _matches(repo: Repo, name: str, value: str, word: str) -> bool:
    value = value.strip('"')
    match name:
        case "":
            return word.lower() in repo.name.lower()
        case "topic":
            return value in repo.topics
        case "language":
            return value == repo.language
        case "license":
            return repo.licence is not None and value == repo.licence.lower()
        case "user":
            return repo.name.startswith(f"{value}/")
        case "stars":
            return repo.stars >= int(value.removeprefix(">="))
        case "size":
            low, _, high = value.removeprefix(">=").partition("..")
            return int(low) <= repo.kibibytes <= (int(high) if high else 10**9)
    raise AssertionError(f"GitHub knows no {name}:")


def said(status: int, message: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode(), headers or {})
