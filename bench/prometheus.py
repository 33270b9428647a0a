"""Which Prometheus scrapes the bench's figures? The cluster's own program, each second, at a part of it that we draw.

It scrapes a target at a fixed part of each second, which follows from a hash of the target. The operators look at a
fixed part, too. Whoever wants to know how long a scrape waits for a look must change the one against the other.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measurements import PHASE
from bench.process import running
from e2e.setup import gotools
from tests.apiserver.server import free_port

START_SECONDS = 30.0


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus with one target on this machine."""

    url: str
    scraped_port: int
    targets: Path
    """The file in which it looks for its target, and which it watches."""

    def scrape(self, phase: str) -> None:
        """Let it scrape at the part of a second that follows from `phase`, soon.

        A parameter of the URL counts for the target's hash and is no label of its series: they stay the same.
        """
        target = {"targets": [f"127.0.0.1:{self.scraped_port}"], "labels": {f"__param_{PHASE}": phase}}
        new = self.targets.with_suffix(".new")
        new.write_text(json.dumps([target]))
        new.rename(self.targets)  # whole at once: half a file would be no target


@contextmanager
def prometheus(scraped_port: int, folder: Path) -> Iterator[Prometheus]:
    """Run Prometheus; yield it once it answers queries."""
    port = free_port()
    found = Prometheus(f"http://127.0.0.1:{port}", scraped_port, folder / "targets.json")
    found.scrape("first")
    job = {"job_name": "bench", "file_sd_configs": [{"files": [str(found.targets)]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    command = [
        str(gotools.PROMETHEUS.path()),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running("prometheus", command, folder / "prometheus.log") as child:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{found.url}/-/ready", timeout=2):
                    break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or not child.alive:
                    raise RuntimeError(f"Prometheus does not become ready:\n{child.tail()}") from None
                time.sleep(0.1)
        yield found
