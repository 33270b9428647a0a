"""How is the demo run from the command line? See `python -m e2e.demo --help`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from e2e.cluster import open_cluster
from e2e.cluster.base import Cluster
from e2e.cluster.base import CommandFailed as KubectlFailed
from e2e.demo import small, tutorial
from e2e.demo.cast import EXAMPLE, REPOSITORY, TEAMS, TUTORIAL
from e2e.demo.commands import CommandFailed
from e2e.demo.page.render import page
from e2e.demo.prepare import out, prepare
from e2e.demo.story import Story, forget
from e2e.demo.summary import COMMANDS, summary
from e2e.demo.tape import Tape, read
from e2e.demo.verdicts import verdicts
from e2e.demo.view import chosen
from e2e.setup.progress import say

CLEAN_UP = "Clean up"
LOG_WIDTH = 180


def main(arguments: list[str] | None = None) -> int:
    """Return 0 only when every outcome of the story was observed."""
    parser = argparse.ArgumentParser(prog="python -m e2e.demo", description="Run, show and judge the story.")
    parser.add_argument("action", choices=("run", "prepare", "page"), nargs="?", default="run")
    parser.add_argument("--small", action="store_true", help="fewer steps, shorter holds, as in the e2e test")
    parser.add_argument("--plain", action="store_true", help="one line per change instead of the live view")
    given = parser.parse_args(arguments)
    if given.action == "page":
        return conclude(read(out("tape.jsonl")))
    cluster = open_cluster()
    try:
        with cluster.in_use("the demo"):
            prepare(cluster)
            return run(cluster, small_numbers=given.small, plain=given.plain) if given.action == "run" else 0
    except KubectlFailed as error:
        say(str(error))
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from here")
    return 1


def run(cluster: Cluster, *, small_numbers: bool, plain: bool) -> int:
    """Tell the story on a fresh namespace and judge it."""
    say("removing what an earlier run left ...")
    for namespace in TEAMS:
        forget(cluster, namespace)
    folder = small.copy(EXAMPLE, REPOSITORY / "out" / "example") if small_numbers else EXAMPLE
    chapters = [chapter for chapter in tutorial.read(TUTORIAL) if chapter.title != CLEAN_UP]
    log = fresh(out("commands.log"))
    with fresh(out("tape.jsonl")).open("w") as file:
        tape = Tape(file)
        story = Story(cluster, chapters, folder, tape, log)
        failure = ""
        try:
            with chosen(tape, story.scene, plain):
                story.run()
        except CommandFailed as error:
            failure = str(error)
        except KeyboardInterrupt:
            failure = "interrupted; run the same command again to start the story over"
    if failure:
        say(f"\n{failure}\n(all commands and their output: {log})")
    return conclude(tape)


def conclude(tape: Tape) -> int:
    """Print the closing table, write the page, and return the exit code."""
    checks = verdicts(tape)
    console = Console()
    wide = console if console.is_terminal else Console(width=LOG_WIDTH)
    wide.print(summary(tape, checks))
    target = out("report.html")
    target.write_text(page(tape, COMMANDS))
    say(f"The whole story, with a plot over time: {target}")
    return 0 if all(check.held for check in checks) else 1


def fresh(path: Path) -> Path:
    """Return a path for this run; what an earlier run wrote there is kept beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        shutil.move(path, path.with_name(f"{path.stem}.{int(time.time())}{path.suffix}"))
    return path


if __name__ == "__main__":
    sys.exit(main())
