"""How do the tasks of this folder become files for the object store?

    python examples/blender-agent/tasks/collect.py out/tasks

writes tasks/tasks.jsonl, which versions are judged on, and held-out/held-out.jsonl, the same as conversations with
their solutions, which the Dataset keeps out of what it trains. Needs PyYAML.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


def tasks() -> Iterator[dict[str, Any]]:
    """Yield every task, in the order of files and lines."""
    for path in sorted(HERE.glob("*.yaml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))


def held_out(task: dict[str, Any]) -> dict[str, Any]:
    """Return the conversation that a Dataset must not have learnt."""
    return {
        "messages": [
            {"role": "user", "content": task["prompt"]},
            {"role": "assistant", "content": task["solution"].strip()},
        ]
    }


def collect(target: Path) -> int:
    """Write both files below `target` and return the number of tasks. What stood there before is replaced."""
    found = list(tasks())
    shutil.rmtree(target, ignore_errors=True)
    for name, rows in (("tasks", found), ("held-out", map(held_out, found))):
        (target / name).mkdir(parents=True)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (target / name / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return len(found)


def main() -> int:
    """Collect into the folder given on the command line."""
    parser = argparse.ArgumentParser(description="Write the tasks as JSON lines.")
    parser.add_argument("target", type=Path, help="folder to write; it is replaced")
    given = parser.parse_args()
    print(f"{collect(given.target)} tasks in {given.target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
