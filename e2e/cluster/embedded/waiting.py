"""Is it ready yet, and if it never is, what does its log say?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from e2e.cluster.embedded.layout import Layout


def wait_for(
    layout: Layout, what: str, ready: Callable[[], bool], components: Sequence[str], seconds: float = 90
) -> None:
    """Wait until `ready` answers yes; after `seconds`, end with the last lines of the logs of `components`."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise SystemExit(explain(layout, f"{what} did not become ready within {seconds:.0f} s", components))
        time.sleep(0.2)


def explain(layout: Layout, problem: str, components: Sequence[str]) -> str:
    """Return a message: the problem, what the logs say last, and what to do."""
    parts = [f"{problem}."]
    for component in components:
        log = layout.log(component)
        parts.append(f"--- the end of {log}:\n{tail(log.read_text(errors='replace')) if log.exists() else '(no log)'}")
    parts.append("Try `make down` and `make up` again; the logs stay until then.")
    return "\n".join(parts)


def tail(text: str, lines: int = 15) -> str:
    """Return the last lines of a log, each cut to a length that can be read."""
    return "\n".join(line[:400] for line in text.rstrip().splitlines()[-lines:])
