"""What do the users of the model see, request by request?"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence

import aiohttp

from e2e.demo.cast import HOSTNAME, MODEL
from e2e.demo.pace import Pace
from e2e.demo.prompts import Conversation
from e2e.demo.tape import Request, Tape

VERSION_HEADER = "x-slipway-version"
REVISION_HEADER = "x-slipway-revision"
TIMEOUT_SECONDS = 120.0
PATH = "/v1/chat/completions"
ANSWER_TOKENS = 8


class Traffic:
    """Users who never stop asking, through the Gateway, from `start` to `stop`. Everything lands on the tape."""

    def __init__(
        self,
        gateway_url: str,
        prompts: Sequence[Conversation],
        tape: Tape,
        *,
        host: str = HOSTNAME,
        pace: Pace | None = None,
        answer_tokens: int = ANSWER_TOKENS,
        quiet: Callable[[], bool] = lambda: False,
        seed: int = 0,
    ) -> None:
        if not prompts:
            raise ValueError("there are no prompts to send: the Dataset's test split is empty")
        self.url = gateway_url.rstrip("/") + PATH
        self.prompts = prompts
        self.tape = tape
        self.host = host
        self.pace = pace or Pace()
        self.answer_tokens = answer_tokens
        self.quiet = quiet
        self.random = random.Random(seed)
        self.thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="traffic", daemon=True)
        self.stopping = threading.Event()

    def start(self) -> None:
        """Begin to ask."""
        self.thread.start()

    def stop(self) -> None:
        """Ask nothing more, and wait for the answers that are still due."""
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join(TIMEOUT_SECONDS + 5)

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        # A connection per request: each one is routed anew, as with many users, and at once, as with as many.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as group:
            while not self.stopping.is_set():
                group.create_task(self._ask(session, self.random.choice(self.prompts)))
                self.pace.quiet = self.quiet()
                await asyncio.sleep(self.pace.interval)

    async def _ask(self, session: aiohttp.ClientSession, messages: Conversation) -> None:
        body = {"model": MODEL, "messages": list(messages), "max_tokens": self.answer_tokens, "temperature": 0}
        begun, clock = time.time(), time.monotonic()
        status, headers, error = 0, {}, ""
        try:
            async with session.post(self.url, json=body, headers={"Host": self.host}) as response:
                text = await response.text()
                status, headers = response.status, response.headers
                error = "" if status == 200 else text[:200]
        except (aiohttp.ClientError, TimeoutError) as problem:
            error = f"{type(problem).__name__}: {problem}"
        seconds = time.monotonic() - clock
        self.pace.answered(seconds)
        version, revision = headers.get(VERSION_HEADER, ""), headers.get(REVISION_HEADER, "")
        self.tape.add(Request(begun, version, revision, status, seconds, error, self.host))
