"""Do JSON and a scrape give the same figure, and is the first bad answer remembered?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp

from bench.measurements import PHASE, Measurements
from bench.prometheus import Prometheus
from bench.users import Tally, answer, ask


async def test_figures_turn_bad_and_good_again() -> None:
    measured = Measurements(("a", "b"))
    await measured.serve("127.0.0.1")
    url = f"http://127.0.0.1:{measured.port}"
    try:
        async with aiohttp.ClientSession() as session:

            async def web(name: str) -> int:
                async with session.get(f"{url}/web/{name}") as found:
                    return int((await found.json())["value"])

            assert (await web("a"), await web("b")) == (0, 0)
            measured.turn_bad("a")
            assert measured.first_bad == {}
            assert (await web("a"), await web("b"), await web("a")) == (1, 0, 1)
            first = measured.first_bad["a"]
            async with session.get(f"{url}/metrics?{PHASE}=x") as found:
                assert 'bench_errors{rollout="a"} 1\nbench_errors{rollout="b"} 0' in await found.text()
            assert (measured.first_bad, measured.scrapes) == ({"a": first}, {"x": 1})
            measured.turn_good("a")
            assert await web("a") == 0
            assert measured.asked["a"] == 5
    finally:
        await measured.close()


def test_another_phase_is_another_target_with_the_same_labels(tmp_path: Path) -> None:
    scraper = Prometheus("http://127.0.0.1:1", 8080, tmp_path / "targets.json")
    for phase in ("a", "b"):
        scraper.scrape(phase)
        wanted = {"targets": ["127.0.0.1:8080"], "labels": {"__param_phase": phase}}
        assert json.loads(scraper.targets.read_text()) == [wanted]
    assert list(tmp_path.iterdir()) == [scraper.targets]


async def test_users_count_answers_by_version_and_failures_by_kind() -> None:
    server = await asyncio.start_server(lambda reader, writer: answer("candidate", reader, writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tally = Tally()
    asking = asyncio.create_task(ask(f"127.0.0.1:{port}", "x.example", 0.001, tally))
    async with asyncio.timeout(10):
        while tally.count.get("candidate", 0) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert tally.failures == {}
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    server.close()
    refused = asyncio.create_task(ask("127.0.0.1:1", "x.example", 0.001, tally))
    async with asyncio.timeout(10):
        while not tally.failures:  # noqa: ASYNC110
            await asyncio.sleep(0)
    refused.cancel()
    await asyncio.gather(refused, return_exceptions=True)
    assert tally.failures == {"ConnectionRefusedError": 1}
