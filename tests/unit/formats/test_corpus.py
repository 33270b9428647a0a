"""Does the parser hold on every graph of the ueblueprint test suite?

The package is fetched once, by npm, at a pinned version and hash, and kept in the cache that set-up uses.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from e2e.setup.tools import npm
from slipway_formats.t3d import Graph, check_links, components, normalised, parse, salvaged, serialize

COLLECT = Path(__file__).parents[3] / "examples" / "blueprint-assistant" / "dataset" / "collect.py"


@pytest.fixture(scope="module")
def corpus() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("collect", COLLECT)
    assert spec is not None
    assert spec.loader is not None
    collect = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(collect)
    return dict(collect.graphs(collect.fetch(collect.cache_folder(), npm())))


def test_the_corpus_is_the_one_we_know(corpus: dict[str, str]) -> None:
    assert len(corpus) == 175
    assert sum(len(parse(text).objects) for text in corpus.values()) == 204


def test_every_graph_round_trips_and_shortens(corpus: dict[str, str]) -> None:
    before = after = 0
    for path, text in corpus.items():
        graph = parse(text)
        assert parse(serialize(graph)) == graph, path
        assert salvaged(text).graphs == (graph,), path
        short = normalised(graph)
        assert check_links(short) == (), path
        assert parse(serialize(short)) == short, path
        assert normalised(short) == short, path
        before += len(serialize(graph))
        after += len(serialize(short))
        for part in (*components(graph), *(Graph((node,)) for node in graph.objects)):
            assert check_links(normalised(part)) == (), path
    assert after < before / 3
