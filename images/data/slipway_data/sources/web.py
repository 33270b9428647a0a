"""How is something asked of a web server: patiently, verified, and with credentials for that server only?"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, SSLError

from slipway_pod.errors import BadConfig, BadData, SourceUnreachable, shortened

log = logging.getLogger("slipway")

REDIRECTS = (301, 302, 303, 307, 308)
REDIRECTS_FOLLOWED = 5
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that another attempt may not meet."""
LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Clock:
    """Time, in seconds."""

    now: Callable[[], float] = time.monotonic
    """Of a clock that only goes forward."""
    wall: Callable[[], float] = time.time
    """Since 1970, as servers count."""
    sleep: Callable[[float], None] = time.sleep


REAL = Clock()
T = TypeVar("T")


class Passing(Exception):
    """It did not work this time; `wait` is how many seconds the server asks for, if it does."""

    def __init__(self, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.wait = wait


@dataclass(frozen=True)
class Web:
    """A client of web servers. `headers` hold credentials, and follow no redirect to another server."""

    field: str
    """The field of the spec that is spoken of, for messages."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    plain: bool = False
    """Whether http:// may be spoken."""
    patience: float = 120.0
    """Seconds for which a request is tried again before the pod gives up and the Job's own backoff takes over."""
    clock: Clock = REAL
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=10.0, read=60.0)),
        repr=False,
    )

    def patiently(self, url: str, ask: Callable[[], T]) -> T:
        """Return what `ask` returns once it raises no Passing; raise SourceUnreachable when that takes too long."""
        until, pause = self.clock.now() + self.patience, 0.5
        while True:
            try:
                return ask()
            except Passing as trouble:
                wait = pause if trouble.wait is None else trouble.wait
                if self.clock.now() + wait > until:
                    said = f"{self.field}: {shown(url)} {trouble}"
                    raise SourceUnreachable("SourceUnreachable", said) from trouble
                log.info("%s %s: trying again in %.1f s", shown(url), trouble, wait)
                self.clock.sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] = {}) -> Iterator[urllib3.BaseHTTPResponse]:
        """Ask for `url` once, redirects followed, and lend the unread answer, whatever its status.

        Raises Passing where no answer came, or broke off while it was read.
        """
        at = url
        for _ in range(REDIRECTS_FOLLOWED + 1):
            with self._asked(at, url, headers) as answer:
                target = answer.headers.get("Location")
                if answer.status not in REDIRECTS or target is None:
                    yield answer
                    return
                at = urljoin(at, target)
        raise BadData("TooManyRedirects", f"{self.field}: {shown(url)} leads from one address to the next: correct it")

    @contextmanager
    def post(self, url: str, body: bytes, headers: Mapping[str, str] = {}) -> Iterator[urllib3.BaseHTTPResponse]:
        """Send `body` to `url` once, and lend the unread answer, whatever its status; no redirect is followed.

        Raises Passing where no answer came, or broke off while it was read.
        """
        with self._asked(url, url, headers, body) as answer:
            yield answer

    @contextmanager
    def _asked(
        self, at: str, first: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        if urlsplit(at).scheme != "https" and not (self.plain and urlsplit(at).scheme == "http"):
            raise BadConfig("NotHttps", f"{self.field}: {shown(first)} leads to {shown(at)}, which is not https")
        own = self.headers if server(at) == server(first) else {}
        # Bytes as they are: their digest is known, and nothing is unpacked past a limit.
        sent = {"User-Agent": "slipway", "Accept-Encoding": "identity", **headers, **own}
        answer: urllib3.BaseHTTPResponse | None = None
        with self.speaking(at):
            try:
                answer = self.pool.request(
                    "GET" if body is None else "POST",
                    at,
                    body=body,
                    headers=sent,
                    preload_content=False,
                    redirect=False,
                    decode_content=False,
                )
                yield answer
            finally:
                if answer is not None:
                    answer.close()

    @contextmanager
    def speaking(self, url: str) -> Iterator[None]:
        """Raise what a fault of the connection means."""
        try:
            yield
        except SSLError as error:
            said = f"{self.field}: {shown(url)}: the server's certificate is not trusted: {shortened(str(error), 200)}"
            raise BadConfig("CertificateInvalid", said) from error
        except LocationParseError as error:
            raise BadConfig("BadUrl", f"{self.field}: {shown(url)} is no address: correct it") from error
        except HTTPError as error:
            raise Passing(f"gave no answer, or not all of it ({type(error).__name__})") from error

    def must_be_good(self, url: str, answer: urllib3.BaseHTTPResponse) -> None:
        """Raise what a status other than 200 means."""
        said = f"{self.field}: {shown(url)} answered with status {answer.status}"
        if answer.status == 200:
            return
        if answer.status in PASSING:
            raise Passing(f"answered with status {answer.status}", retry_after(answer))
        if answer.status in (401, 403):
            raise BadConfig("AccessDenied", f"{said}: correct the credentials, or allow them to read it")
        if answer.status in (404, 410):
            raise BadData("NotFound", f"{said}: correct the address")
        raise BadData("Refused", f"{said}: correct the address")


def retry_after(answer: urllib3.BaseHTTPResponse) -> float | None:
    """Return for how many seconds the server asks to wait, None where it does not or says it in no way we know."""
    try:
        return urllib3.Retry().get_retry_after(answer)
    except InvalidHeader:
        return None


def shown(url: str) -> str:
    """Return `url` without user and query, which may hold credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def server(url: str) -> tuple[str, str | None, int | None]:
    """Return whom `url` is spoken to: scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
