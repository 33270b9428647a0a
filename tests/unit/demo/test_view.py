"""The terminal shows the present truth: live as a picture, in logs as one line per change."""

from __future__ import annotations

from rich.console import Console

from e2e.demo import summary, view
from e2e.demo.describe import describe
from e2e.demo.tape import Tape
from e2e.demo.verdicts import verdicts
from tests.unit.demo import story


def shown(tape: Tape, now: float, scene: view.Scene | None = None) -> str:
    console = Console(width=140, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(view.picture(tape, scene or view.Scene(), now))
    return console.export_text()


def until(at: float) -> Tape:
    return story.tape([record for record in story.records() if record.at <= at])


def test_an_empty_cluster_can_be_shown() -> None:
    assert "Slipway" in shown(Tape(), 10.0)


def test_a_canary_shows_both_versions_with_share_errors_and_latency() -> None:
    lines = shown(until(405), 405).splitlines()
    stable = next(line for line in lines if line.startswith("stable"))
    candidate = next(line for line in lines if line.startswith("candidate"))
    assert "v2" in stable
    assert "90 %" in stable
    assert "0.0 %" in stable
    assert "v4" in candidate
    assert "10 %" in candidate
    assert "66.7 %" in candidate


def test_the_chapters_show_where_the_story_is() -> None:
    scene = view.Scene(titles=["one", "two", "three"], present=1, command="kubectl wait")
    text = shown(Tape(), 10.0, scene)
    assert all(part in text for part in ("✓ one", "▶ two", "· three", "$ kubectl wait"))
    scene.failed = True
    assert "✗ two" in shown(Tape(), 10.0, scene)


def test_a_run_is_shown_with_its_speed_and_loss() -> None:
    line = describe(story.trained(1, "v1", step=4, state="Running"))
    assert (line.name, line.done, line.mood) == ("v1", 0.5, "Busy")
    assert "step 4/8 · loss 1.25 · 160 tokens/s" in line.figures


def test_a_log_has_one_line_per_change_and_quarters_of_a_run() -> None:
    lines: list[str] = []
    tape = Tape()
    plain = view.PlainView(tape, view.Scene(command="kubectl apply"), lines.append)
    for step in range(9):
        tape.add(story.trained(float(step), "v1", step=step, state="Running"))
        plain.show_new()
    assert sum("kubectl apply" in line for line in lines) == 1
    assert [line.rpartition("· ")[2] for line in lines if "TrainingJob" in line] == [
        f"{percent} %" for percent in (0, 25, 50, 75, 100)
    ]


def test_a_log_follows_the_whole_story() -> None:
    lines: list[str] = []
    view.PlainView(story.tape(), view.Scene(), lines.append).show_new()
    text = "\n".join(lines)
    assert "v1 → v2 · 30 % of traffic · step 2 of 3" in text
    assert "ModelVersion · v3 · Rejected" in text


def test_the_closing_table_names_every_version_and_every_check() -> None:
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    tape = story.tape()
    console.print(summary.summary(tape, verdicts(tape)))
    text = console.export_text()
    assert "7.2 s" in text
    assert "rolled back" in text
    assert text.count("✓") == len(verdicts(tape))
