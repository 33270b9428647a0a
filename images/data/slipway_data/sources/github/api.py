"""How is GitHub asked: within a budget and its limits, and never twice for the same?"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import urllib3
from pydantic import ValidationError

from slipway_data.sources.github import limits
from slipway_data.sources.github.memory import Answer, Memory
from slipway_data.sources.github.pages import Page
from slipway_data.sources.web import PASSING, Passing, Web, retry_after, shown
from slipway_pod.errors import BadConfig, SourceUnreachable, shortened

log = logging.getLogger("slipway")

P = TypeVar("P", bound=Page)
T = TypeVar("T")
VERSION = "2022-11-28"
NOTHING = (404, 409)
"""Gone, or empty: the rest of the world goes on."""
OF_THE_TOKEN = ("bad credentials", "resource not accessible", "account was suspended")
"""What GitHub says with status 403 of who asks rather than of what is asked for."""
PIECE = 1024 * 1024
LONGEST_WAIT = 3900.0
"""Seconds. A primary limit ends within an hour."""
REFUSALS = 8
"""How often in a row a limit may refuse before the pod gives up."""


class NotGiven(Exception):
    """GitHub does not give this repository or file, whatever it gives of others; the message says why."""


class Trouble(Exception):
    """GitHub had no good answer to a request on one repository for as long as patience lasts."""

    def __init__(self, error: SourceUnreachable) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True)
class Heard:
    """An answer: its content, or None where it is unchanged or there is nothing to be had."""

    status: int
    etag: str
    content: object = None


class Api:
    """GitHub's REST API at `base`."""

    def __init__(self, base: str, web: Web, memory: Memory, max_calls: int) -> None:
        self._base, self._web, self.memory, self._max_calls = base.rstrip("/"), web, memory, max_calls
        self._closed: dict[str, float] = {}
        """Until when (by the clock on the wall) each counter is at its end."""
        self._given: Answer | None = None
        """The last answer on a repository."""

    def page(self, path: str, kind: type[P]) -> P | None:
        """Return a document, None where there is nothing to be had; raise NotGiven or Trouble.

        What was heard in this run is not asked for again; what was heard before is asked for by its ETag. What was
        refused is: the next pod may be one that it is given to.
        """
        url = self._base + path
        kept = self.memory.answer(url)
        if kept is None or kept.run != self.memory.run.id:
            kept = self._heard(url, kept, kind)
            self.memory.keep(kept)
        if kept.value is not None and limits.resource(url) == "core":
            self._given = kept
        return None if kept.value is None else kind.model_validate(kept.value)

    def blob(self, path: str, check: Callable[[bytes], bool]) -> bytes | None:
        """Return a file that passes `check`, None where it is gone; raise NotGiven or Trouble."""

        def read(body: bytes) -> bytes:
            if not check(body):
                raise Passing("sent another file than its name says")
            return body

        heard = self._ask(self._base + path, {"Accept": "application/vnd.github.raw+json"}, read)
        return heard.content if isinstance(heard.content, bytes) else None

    def must_be_well(self, trouble: Trouble) -> None:
        """Raise SourceUnreachable where GitHub gives now nothing of what it gave in this run, or gave nothing at all.

        Then `trouble` is not with one repository.
        """
        if self._given is None:
            raise trouble.error
        try:
            self._heard(self._given.url, self._given, Page)
        except NotGiven:
            return
        except Trouble as again:
            raise again.error from again

    def _heard(self, url: str, kept: Answer | None, kind: type[P]) -> Answer:
        """Return what GitHub answers now; `kept` is what it answered in an earlier run."""
        conditional = {"If-None-Match": kept.etag} if kept is not None and kept.etag else {}
        heard = self._ask(url, {"Accept": "application/vnd.github+json", **conditional}, partial(_document, kind))
        run = self.memory.run.id
        if heard.status == 304 and kept is not None:
            return kept.model_copy(update={"run": run})
        value = heard.content.model_dump(mode="json") if isinstance(heard.content, Page) else None
        return Answer(url=url, run=run, etag=heard.etag, value=value)

    def _ask(self, url: str, headers: Mapping[str, str], read: Callable[[bytes], object]) -> Heard:
        asked = {"X-GitHub-Api-Version": VERSION, **headers}
        for refused in range(REFUSALS):
            self._wait(limits.resource(url))
            try:
                heard = self._web.patiently(url, partial(self._once, url, asked, read, refused))
            except SourceUnreachable as error:
                if limits.resource(url) == "search":
                    raise
                raise Trouble(error) from error
            if heard is not None:
                return heard
        raise SourceUnreachable(
            "RateLimited", f"source.github: {shown(url)} was refused {REFUSALS} times in a row for GitHub's limits"
        )

    def _once(
        self, url: str, headers: Mapping[str, str], read: Callable[[bytes], object], refused: int
    ) -> Heard | None:
        """Ask once; return None where a limit refused, which is waited for before the next time."""
        self._spend()
        now = self._web.clock.wall
        with self._web.get(url, headers) as answer:
            body = b"".join(answer.stream(PIECE, decode_content=False))
            message = "" if answer.status == 200 else _message(body)
            wait = limits.refused(answer, message, now(), refused)
            rest = wait if wait is not None else limits.reset(answer, now())
            if rest is not None:
                self._closed[limits.resource(url)] = now() + rest
            if wait is not None:
                return None
            if answer.status == 304 or _nothing(answer, message):
                return Heard(answer.status, "")
            if answer.status >= 400:
                raise _fault(url, answer, shortened(message, 300) or "no word why")
            self._web.must_be_good(url, answer)
            return Heard(200, answer.headers.get("ETag", ""), read(body))

    def _spend(self) -> None:
        if self.memory.run.calls >= self._max_calls:
            raise BadConfig(
                "BudgetExhausted",
                f"source.github.maxCalls is {self._max_calls}, and all are made: raise it to go on where this ended, "
                "or narrow search and include",
            )
        self.memory.called()

    def _wait(self, counter: str) -> None:
        rest = self._closed.pop(counter, 0.0) - self._web.clock.wall()
        if rest <= 0:
            return
        if rest > LONGEST_WAIT:
            raise SourceUnreachable("RateLimited", f"source.github: GitHub wants no request for {rest:.0f} seconds")
        log.info("GitHub's limit for %s is reached: going on in %.0f s", counter, rest)
        self._web.clock.sleep(rest)


def _document(kind: type[P], body: bytes) -> P:
    try:
        found = kind.model_validate_json(body)
    except ValidationError as error:
        raise Passing(f"answered with something that is no {kind.__name__}") from error
    if not found.whole:
        raise Passing("did not finish the search")
    return found


def _message(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("message", "")) if isinstance(said, dict) else ""


def _nothing(answer: urllib3.BaseHTTPResponse, message: str) -> bool:
    """Tell whether there is nothing to be had here, and nothing wrong with us."""
    # "Only the first 1000 search results are available": the end of what GitHub shows.
    return answer.status in NOTHING or (answer.status == 422 and "search results are available" in message)


def _fault(url: str, answer: urllib3.BaseHTTPResponse, message: str) -> Exception:
    """Return what an answer means that is none: for now, for the Dataset, or for one repository or file of it."""
    status, searching = answer.status, limits.resource(url) == "search"
    if status in PASSING or status >= 500:
        return Passing(f"answered with status {status}", retry_after(answer))
    said = f"GitHub answers with status {status} ({message})"
    if status == 401 or (status == 403 and (searching or any(words in message.lower() for words in OF_THE_TOKEN))):
        return BadConfig(
            "AccessDenied",
            f"source.github.tokenSecret: {shown(url)}: {said}: give it a token that is valid and may read what the "
            "search finds",
        )
    if searching:
        return BadConfig("SearchRefused", f"source.github.search: {said}: correct search")
    cure = ": if you may read it, give source.github.tokenSecret a token that may" if status == 403 else ""
    return NotGiven(f"{said}{cure}")
