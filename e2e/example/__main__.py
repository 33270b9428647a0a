"""How is an example run from the command line? See `python -m e2e.example --help`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence

import obstore
from rich.console import Console

from e2e.cluster import open_cluster
from e2e.cluster.base import Cluster
from e2e.cluster.base import CommandFailed as KubectlFailed
from e2e.demo import facts
from e2e.demo.__main__ import LOG_WIDTH, fresh
from e2e.demo.cast import TEAMS
from e2e.demo.prompts import store
from e2e.demo.story import forget
from e2e.demo.tape import Tape
from e2e.example import show
from e2e.example.ask import NotAnswered, through
from e2e.example.cast import ALL, Example
from e2e.example.layers import reader
from e2e.example.prepare import prepare
from e2e.example.questions import Judged, asked_and_judged
from e2e.example.results import NoResults, read, report_of
from e2e.example.run import run
from e2e.example.sandbox import NotRun
from e2e.example.table import Row, loss, markdown, rows, shown
from e2e.example.verdict import checks
from e2e.setup.progress import duration, say


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only when the run showed what the example promises."""
    parser = argparse.ArgumentParser(
        prog="python -m e2e.example", description="Run an example and show what it gained."
    )
    parser.add_argument("example", choices=sorted(ALL))
    parser.add_argument("action", choices=("run", "prepare"), nargs="?", default="run")
    parser.add_argument("--plain", action="store_true", help="one line per change instead of the live view")
    given = parser.parse_args(arguments)
    example, cluster, begun = ALL[given.example], open_cluster(), time.monotonic()
    try:
        with cluster.in_use(f"the example {example.name}"):
            images = prepare(cluster, example)
            if given.action == "prepare":
                return 0
            code = perform(cluster, example, images, plain=given.plain)
            say(f"{example.name}: {duration(time.monotonic() - begun)} in all")
            return code
    except (KubectlFailed, NoResults, NotAnswered, NotRun) as error:
        say(str(error))
    except KeyboardInterrupt:
        say("interrupted; the same command starts over")
    return 1


def perform(cluster: Cluster, example: Example, images: Mapping[str, str], *, plain: bool) -> int:
    """Run `example` on a fresh namespace, show its table and its answers, and return the exit code."""
    say("removing what earlier runs left ...")
    for namespace in TEAMS:
        forget(cluster, namespace)
    log = fresh(example.out / "commands.log")
    with fresh(example.out / "tape.jsonl").open("w") as file:
        tape = Tape(file)
        if failure := run(cluster, example, tape, log, plain=plain):
            say(f"\n{failure}\n(all commands and their output: {log})")
            return 1
    report = evaluated(cluster, example, tape)
    items = read(report, example.metric)
    layers = reader(example)
    found = rows(example.layers, [(layers(item.tuned), layers(item.base)) for item in items])
    lost = [loss(example.forgetting, read(report, example.forgetting))] if example.forgetting else []
    console = Console()
    wide = console if console.is_terminal else Console(width=LOG_WIDTH)
    wide.print(shown([*found, *lost], f"\n{example.version} and the base model on the same held-out items"))
    say("asking the model that serves ...")
    answers = asked_and_judged(cluster, example, tape, images, items, through(cluster.gateway_url, example))
    (example.out / "table.md").write_text(markdown([*found, *lost]), encoding="utf-8")
    return conclude(wide, example, found, answers)


def evaluated(cluster: Cluster, example: Example, tape: Tape) -> Sequence[str]:
    """Return the lines of the evaluation's report, which is kept beside the tape."""
    status = facts.version_status(tape, example.version)
    if status is None:
        raise NoResults(f"there is no ModelVersion {example.version} in namespace {example.namespace}")
    bucket, _, key = report_of(status, example.version).removeprefix("s3://").partition("/")
    with store(cluster, bucket, example.namespace) as opened:
        text = bytes(obstore.get(opened, key).bytes()).decode()
    (example.out / "report.jsonl").write_text(text, encoding="utf-8")
    return text.split("\n")  # answers may hold other things that end a line


def conclude(console: Console, example: Example, found: Sequence[Row], answers: Sequence[Judged]) -> int:
    """Show answers and checks, and return the exit code."""
    console.print(show.answers(answers))
    held = list(checks(example, found, answers))
    console.print(show.checked(held))
    table, report = example.out / "table.md", example.out / "report.jsonl"
    say(f"The table as Markdown: {table}; every answer of the evaluation: {report}")
    return 0 if all(check.held for check in held) else 1


if __name__ == "__main__":
    sys.exit(main())
