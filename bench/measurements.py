"""What do the operators measure? Figures that the bench turns bad, served as JSON and for scraping."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from aiohttp import web

SERIES = "bench_errors"
PHASE = "phase"
"""The parameter of a scrape's URL that says for which part of a second it was told."""


@dataclass
class Measurements:
    """One figure per Rollout: 0 is good, 1 is bad. Remembers when a bad one was first given out, and to how many."""

    names: tuple[str, ...] = ()
    bad: set[str] = field(default_factory=set)
    first_bad: dict[str, float] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    scrapes: Counter[str] = field(default_factory=Counter)
    """By phase."""
    port: int = 0
    _runner: web.AppRunner | None = None

    def turn_bad(self, *names: str) -> None:
        """Give out bad figures from now on."""
        for name in names:
            self.first_bad.pop(name, None)
        self.bad.update(names)

    def turn_good(self, *names: str) -> None:
        """Give out good figures from now on."""
        self.bad.difference_update(names)

    def figure(self, name: str) -> int:
        """Return the figure of a Rollout as of now, and count that it was asked for."""
        self.asked[name] += 1
        if name not in self.bad:
            return 0
        self.first_bad.setdefault(name, time.monotonic())
        return 1

    async def serve(self, host: str, port: int = 0) -> None:
        """Listen until `close`."""
        app = web.Application()
        app.router.add_get("/web/{rollout}", self._json)
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        await site.start()
        self.port = int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _json(self, request: web.Request) -> web.Response:
        return web.json_response({"value": self.figure(request.match_info["rollout"])})

    async def _scrape(self, request: web.Request) -> web.Response:
        self.scrapes[request.query.get(PHASE, "")] += 1
        lines = [f'{SERIES}{{rollout="{name}"}} {self.figure(name)}' for name in self.names]
        return web.Response(text="\n".join([f"# TYPE {SERIES} gauge", *lines, ""]))
