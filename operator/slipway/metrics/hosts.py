"""May the operator be made to speak to this host?

Whoever can create a Rollout chooses URLs that the operator asks, from inside the cluster and past its network policies.
So an installation lists the hosts that may be named; its own Prometheus needs no entry.
"""

from __future__ import annotations

from collections.abc import Iterable

from yarl import URL

from slipway.metrics.errors import Denied


def check(url: str, hosts: Iterable[str]) -> None:
    """Raise `Denied` unless one of `hosts` matches: `name`, `name:port`, `*.name`, or `*` for all."""
    # yarl, since aiohttp connects to what yarl reads: two readers of one URL may see two hosts.
    try:
        parsed = URL(url)
        host, port = (parsed.host or "").lower().rstrip("."), parsed.port
    except ValueError:
        raise Denied(f"{url} is no URL") from None
    if parsed.scheme not in ("http", "https") or not host or parsed.user is not None:
        raise Denied(f"{parsed.scheme}://{host} is no address of a web server: write http(s)://host/path")
    if not any(_matches(pattern.lower(), host, port) for pattern in hosts):
        raise Denied(
            f"host {host}:{port} may not be asked from here: an administrator has to add it to analysis.hosts of the "
            "chart"
        )


def _matches(pattern: str, host: str, port: int | None) -> bool:
    name, colon, wanted = pattern.rpartition(":") if pattern.rpartition(":")[2].isdecimal() else (pattern, "", "")
    if colon and wanted != str(port):
        return False
    if name.startswith("*."):
        return host.endswith(name[1:])
    return name in ("*", host, f"[{host}]")
