"""Who sends requests, and who answers them? A process of its own, so that the bench's clock is not disturbed.

`python -m bench.users --gateway HOST:PORT --host NAME --rate N` asks without a pause; with `--serve` and an address and
two ports it also answers, as the pods of both versions. Each line on stdin is answered by one line of JSON: what
happened since the start, by version. Times are those of the machine's monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial

VERSION_HEADER = "x-slipway-version"


@dataclass
class Tally:
    """What the users saw."""

    count: dict[str, int] = field(default_factory=dict)
    last: dict[str, float] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def seen(self, version: str) -> None:
        """Count an answer, as of its end."""
        self.count[version] = self.count.get(version, 0) + 1
        self.last[version] = time.monotonic()

    def failed(self, why: str) -> None:
        """Count a request that nobody answered as it should be."""
        self.failures[why] = self.failures.get(why, 0) + 1


async def answer(version: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request of a connection as a pod of `version` does."""
    body = f"{version}\n".encode()
    head = f"HTTP/1.1 200 OK\r\n{VERSION_HEADER}: {version}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def ask(gateway: str, host: str, pause: float, tally: Tally) -> None:
    """Ask again and again on one connection, as long as it lasts; then on another."""
    address, _, port = gateway.rpartition(":")
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    while True:
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection(address, int(port))
            while True:
                begun = time.monotonic()
                writer.write(request)
                status, version = await read_answer(reader)
                if status == 200:
                    tally.seen(version)
                else:
                    tally.failed(str(status))
                await asyncio.sleep(max(0.0, pause - (time.monotonic() - begun)))
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            tally.failed(type(error).__name__)
            await asyncio.sleep(0.05)
        finally:
            if writer is not None:
                writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, str]:
    """Read one answer; return its status and the version that gave it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(head[0].split()[1]), headers.get(VERSION_HEADER, "")


async def tell(tally: Tally) -> None:
    """Answer each line of stdin with the tally; return when stdin ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(json.dumps(vars(tally)), flush=True)


async def work(arguments: argparse.Namespace) -> None:
    """Serve and ask until stdin ends."""
    servers = []
    if arguments.serve:
        address, stable, candidate = arguments.serve.split(":")
        for version, port in (("stable", stable), ("candidate", candidate)):
            servers.append(await asyncio.start_server(partial(answer, version), address, int(port)))
    tally = Tally()
    workers = max(1, arguments.rate // 50)
    askers = [
        asyncio.create_task(ask(arguments.gateway, host, workers / arguments.rate, tally))
        for host in arguments.host
        for _ in range(workers)
    ]
    await tell(tally)
    for task in askers:
        task.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    for server in servers:
        server.close()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.users", description=__doc__)
    parser.add_argument("--gateway", required=True, metavar="HOST:PORT")
    parser.add_argument("--host", action="append", default=[], metavar="NAME")
    parser.add_argument("--rate", type=int, default=200, metavar="N", help="requests a second for each host")
    parser.add_argument("--serve", default="", metavar="ADDRESS:STABLE:CANDIDATE")
    asyncio.run(work(parser.parse_args()))


if __name__ == "__main__":
    main()
