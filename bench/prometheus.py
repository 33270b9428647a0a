"""Which Prometheus scrapes the bench's figures? The cluster's own program, each second."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.process import running
from e2e.setup import gotools
from tests.apiserver.server import free_port

START_SECONDS = 30.0


@contextmanager
def prometheus(scraped_port: int, folder: Path) -> Iterator[str]:
    """Run Prometheus with one target on this machine; yield its URL once it answers queries."""
    port = free_port()
    target = {"job_name": "bench", "static_configs": [{"targets": [f"127.0.0.1:{scraped_port}"]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [target]}
    file = folder / "prometheus.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    command = [
        str(gotools.PROMETHEUS.path()),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with running("prometheus", command, folder / "prometheus.log") as child:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                    break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline or not child.alive:
                    raise RuntimeError(f"Prometheus does not become ready:\n{child.tail()}") from None
                time.sleep(0.1)
        yield url
