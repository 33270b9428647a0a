"""How do Kubernetes and Prometheus see whether this process is well?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from slipway.kube.clock import Clock
from slipway.metrics import rollouts, trainings
from slipway.metrics.operator import OperatorMetrics
from slipway.plan import Manifest

BEAT_SECONDS = 1.0
STUCK_SECONDS = 30.0
SILENT_SECONDS = 1800.0
"""A watch that gave no sign of life for so long, against its own time-outs and retries, will not come back."""


@dataclass
class Health:
    """`/healthz` (restart me?), `/readyz` (is my picture of the cluster complete?) and `/metrics`."""

    clock: Clock
    metrics: OperatorMetrics
    ages: Callable[[], Mapping[str, float]]
    ready: Callable[[], bool]
    waiting_for: Callable[[], str] = lambda: ""
    told: Callable[[str], Iterable[Manifest]] = lambda kind: ()
    """The objects of a kind whose figures this process tells."""
    _beat: float | None = field(default=None)

    async def run(self) -> None:
        """Measure how late the event loop runs, for ever."""
        while True:
            wanted = self.clock.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self._beat = self.clock.monotonic()
            self.metrics.loop_lag.observe(max(self._beat - wanted, 0.0))

    def problem(self) -> str:
        """Return why this process should be restarted, or an empty string."""
        if self._beat is not None and self.clock.monotonic() - self._beat > STUCK_SECONDS:
            return "the event loop is stuck"
        silent = sorted(kind for kind, age in self.ages().items() if age > SILENT_SECONDS)
        return f"nothing heard for {SILENT_SECONDS:g} s of {', '.join(silent)}" if silent else ""

    def app(self) -> web.Application:
        """Return the web application."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _healthz(self, _: web.Request) -> web.Response:
        problem = self.problem()
        return web.Response(status=500 if problem else 200, text=f"{problem or 'ok'}\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        if self.ready():
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"waiting for the first list of {self.waiting_for()}\n")

    async def _metrics(self, request: web.Request) -> web.Response:
        """Answer a scrape. As with Prometheus' own clients, `name[]` asks for some metrics by name."""
        now, wanted = self.clock.now(), request.query.getall("name[]", [])
        releases = await rollouts.text(self.told("Rollout"), now, wanted)
        runs = await trainings.text(self.told("TrainingJob"), now, wanted)
        body = self.metrics.text(wanted) + releases.encode() + runs.encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


@dataclass
class Listener:
    """An application on a port."""

    app: web.Application
    port: int
    host: str = "0.0.0.0"
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        self._runner = web.AppRunner(self.app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
