"""What does the terminal show while the story runs?"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from e2e.demo import facts
from e2e.demo.cast import ROLLOUT, SHORT_NAMES, short
from e2e.demo.describe import Line, describe
from e2e.demo.figures import turns
from e2e.demo.tape import Request, Tape
from e2e.setup.progress import duration

KINDS = ("Dataset", "TrainingJob", "ModelVersion", "Rollout")
STYLES = {"Good": "green", "Bad": "red", "Busy": "cyan", "Neutral": "default"}
RECENT_SECONDS = 30
MARKS = {"done": ("✓", "green"), "now": ("▶", "cyan bold"), "later": ("·", "dim"), "failed": ("✗", "red bold")}


@dataclass
class Scene:
    """Where the story is: its chapters, the present one, and the command that was typed last."""

    titles: Sequence[str] = ()
    present: int = -1
    command: str = ""
    failed: bool = False
    begun: float = field(default_factory=time.time)


class View(Protocol):
    """Something that shows the story while it runs."""

    def __enter__(self) -> View: ...

    def __exit__(self, *_: object) -> None: ...


Picture = Callable[[Tape, Scene, float], RenderableType]
"""What a live view shows of a tape at a moment."""


def chosen(tape: Tape, scene: Scene, plain: bool, show: Picture | None = None) -> View:
    """Return the live view on a terminal, else (in logs) one line per change."""
    console = Console()
    if plain or not console.is_terminal:
        return PlainView(tape, scene)
    return LiveView(tape, scene, console, show or picture)


class LiveView:
    """One picture, redrawn twice a second."""

    def __init__(self, tape: Tape, scene: Scene, console: Console, show: Picture) -> None:
        self.live = Live(
            get_renderable=lambda: show(tape, scene, time.time()),
            console=console,
            refresh_per_second=2,
            screen=True,  # else a picture taller than the terminal leaves its upper part behind at each redraw
        )

    def __enter__(self) -> LiveView:
        self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.live.stop()


class PlainView:
    """One line per change, with the time; for logs."""

    def __init__(self, tape: Tape, scene: Scene, write: Callable[[str], None] | None = None) -> None:
        self.tape, self.scene = tape, scene
        self.write = write or (lambda line: print(line, file=sys.stdout, flush=True))
        self.said: dict[tuple[str, str], str] = {}
        self.read = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="plain-view", daemon=True)

    def __enter__(self) -> PlainView:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.thread.join()
        self.show_new()

    def show_new(self) -> None:
        """Write a line for everything that changed since the last call."""
        if self.scene.command:
            self._say(time.time(), ("command", ""), f"$ {self.scene.command}")
        fresh = self.tape.sightings[self.read :]
        self.read += len(fresh)
        for sighting in fresh:
            if sighting.kind in KINDS and not sighting.gone and sighting.status:
                self._say(sighting.at, (sighting.kind, sighting.name), describe(sighting).text)

    def _say(self, at: float, subject: tuple[str, str], line: str) -> None:
        if self.said.get(subject) != line:
            self.said[subject] = line
            self.write(f"{clock(at)}  {line}")

    def _run(self) -> None:
        while not self.stopping.wait(0.5):
            self.show_new()


def picture(tape: Tape, scene: Scene, now: float) -> RenderableType:
    """Return the whole live picture at `now`."""
    parts: list[RenderableType] = [chapters(scene, now), objects(tape), traffic(tape, now), *story(tape)]
    return Group(*(part for item in parts for part in (item, Text())))


def chapters(scene: Scene, now: float) -> RenderableType:
    """Return the list of chapters, the present one pointed at, and the newest command."""
    line = Text()
    for number, title in enumerate(scene.titles):
        state = "done" if number < scene.present else "later"
        if number == scene.present:
            state = "failed" if scene.failed else "now"
        mark, style = MARKS[state]
        line.append(f"{mark} ", style).append(title.partition(":")[0], "" if state == "done" else style).append("   ")
    head = Text.assemble(("Slipway ", "bold"), (f"{duration(now - scene.begun)}", "dim"))
    return Group(head, line, Text(f"$ {scene.command}", style="bold", no_wrap=True, overflow="ellipsis"))


def objects(tape: Tape) -> Table:
    """Return the table of the four kinds."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column("kind")
    table.add_column("name")
    table.add_column("state")
    table.add_column("progress", width=16)
    table.add_column("figures", ratio=1)
    for kind in KINDS:
        for sighting in tape.present(kind):
            _add_object(table, describe(sighting))
    return table


def traffic(tape: Tape, now: float) -> Table:
    """Return who answers the users: share, requests, errors and latency of the last seconds, by version."""
    route = facts.weights(tape)
    weights = facts.weight_at(route, now)
    recent = [r for r in tape.requests[-400:] if r.at >= now - RECENT_SECONDS]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"last {RECENT_SECONDS} s")
    table.add_column("version")
    table.add_column("share", width=22)
    for name in ("requests", "errors", "p50", "p95"):
        table.add_column(name, justify="right")
    table.add_column("verdict of the analysis")
    for role, version in _serving(tape, recent):
        found = [r for r in recent if r.version == version]
        table.add_row(role, short(version), _share(weights.percent(version)), *_numbers(found), _analysis(tape, role))
    return table


def story(tape: Tape) -> list[RenderableType]:
    """Return the turns of the story so far, newest last."""
    lines = [Text(f"{clock(t.at)}  {t.text}", style=STYLES[t.outcome]) for t in turns(tape)[-6:]]
    return [Group(*lines)] if lines else []


def clock(at: float) -> str:
    """Return the local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def _add_object(table: Table, line: Line) -> None:
    style = STYLES[line.mood]
    bar: RenderableType = Text()
    if line.done is not None and line.mood != "Bad":
        bar = ProgressBar(total=1.0, completed=line.done, width=16)
    table.add_row(
        line.kind, line.name, Text(line.state, style), bar, Text(line.figures + _aside(line), overflow="fold")
    )


def _aside(line: Line) -> str:
    return f" · {line.message}" if line.message and line.figures else line.message


def _serving(tape: Tape, recent: Sequence[Request]) -> list[tuple[str, str]]:
    """Return the versions to show, stable first, each with its role."""
    found: list[tuple[str, str]] = []
    rollout = tape.now("Rollout", ROLLOUT)
    status = facts.rollout_status(rollout) if rollout is not None else None
    if status is not None and status.stable is not None:
        found.append(("stable", status.stable.version))
    if status is not None and status.candidate is not None:
        found.append(("candidate", status.candidate.version))
    known = {version for _, version in found}
    answering = sorted({r.version for r in recent if r.version} - known, key=_order)
    return [*found, *(("leaving", version) for version in answering)]


def _order(version: str) -> int:
    return SHORT_NAMES.index(short(version)) if short(version) in SHORT_NAMES else len(SHORT_NAMES)


def _share(percent: float) -> Text:
    filled = round(percent / 100 * 14)
    return Text.assemble(("━" * filled, "cyan"), ("─" * (14 - filled), "dim"), f" {percent:3.0f} %")


def _numbers(found: Sequence[Request]) -> list[RenderableType]:
    if not found:
        return ["0", "-", "-", "-"]
    percent = 100 * sum(r.failed for r in found) / len(found)
    seconds = [r.seconds for r in found]
    return [
        str(len(found)),
        Text(f"{percent:.1f} %", "red bold" if percent else ""),
        f"{facts.percentile(seconds, 50):.2f} s",
        f"{facts.percentile(seconds, 95):.2f} s",
    ]


def _analysis(tape: Tape, role: str) -> Text:
    rollout = tape.now("Rollout", ROLLOUT)
    if role != "candidate" or rollout is None:
        return Text()
    styles = {"Pass": "green", "Fail": "red bold", "Error": "red"}
    words = [
        (f"{m.metric} {m.outcome}  ", styles.get(m.outcome, "dim")) for m in facts.rollout_status(rollout).analysis
    ]
    return Text.assemble(*words)
