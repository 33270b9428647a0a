"""Under which names do the chart's defaults ask for images? The cluster's registry answers to them as a mirror."""

from __future__ import annotations

from typing import Any

import yaml

from e2e.cluster.base import REPOSITORY

CHART = REPOSITORY / "charts" / "slipway"


def registry() -> str:
    """Return the registry that the chart names by default."""
    return str(_read("values.yaml")["image"]["registry"])


def version() -> str:
    """Return the tag that the chart names by default."""
    return str(_read("Chart.yaml")["appVersion"])


def hosts(own: str, url: str) -> dict[str, str]:
    """Return containerd's hosts.toml by registry: `url` is our `own` one, and serves what the release's would."""
    host = f'[host."{url}"]\n'
    return {own: host, registry(): f'{host}  capabilities = ["pull", "resolve"]\n'}


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((CHART / name).read_text())
    return content
