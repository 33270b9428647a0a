"""Are pages told as they lie in a file, and is what is emptied still a Parquet file?"""

from __future__ import annotations

import io
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slipway_data.parquet_pages import Chunk, Emptied, emptied, empty, pages

LARGE = 100_000
EVERY = list(product([True, False], [True, False], ["1.0", "2.0"], ["none", "snappy", "zstd"]))


def written(values: list[list[str]], nullable: bool, dictionary: bool, version: str, packed: str) -> io.BytesIO:
    """Return a file of these columns, of which each row has a page, or nearly."""
    schema = pa.schema([pa.field(f"c{at}", pa.string(), nullable=nullable) for at in range(len(values))])
    options: dict[str, Any] = {"data_page_version": version, "compression": packed, "use_dictionary": dictionary}
    file = io.BytesIO()
    pq.write_table(
        pa.table([pa.array(one) for one in values], schema=schema),
        file,
        data_page_size=10,
        dictionary_pagesize_limit=10,
        write_batch_size=1,
        **options,
    )
    return file


def chunks(file: io.BytesIO, nullable: bool) -> list[Chunk]:
    group = pq.ParquetFile(file).metadata.row_group(0)
    found = [group.column(at) for at in range(group.num_columns)]
    starts = [min(one.data_page_offset, one.dictionary_page_offset or one.data_page_offset) for one in found]
    return [Chunk(start, start + one.total_compressed_size, nullable) for start, one in zip(starts, found, strict=True)]


@pytest.mark.parametrize(("nullable", "dictionary", "version", "packed"), EVERY)
def test_the_page_of_a_large_row_is_emptied_and_all_others_stay(
    nullable: bool, dictionary: bool, version: str, packed: str
) -> None:
    text = [f"some words {n}" for n in range(40)]
    large = [*text[:20], "x" * LARGE, *text[21:]]
    file = written([text, large], nullable, dictionary, version, packed)
    every = chunks(file, nullable)
    for chunk in every:
        found = list(pages(file, chunk.start, chunk.end))
        assert found[-1].end == chunk.end
        assert sum(page.values for page in found) == 40
    (lost,) = emptied(file, every, LARGE)
    assert lost.rows == range(20, 21)
    assert LARGE < lost.bytes < LARGE + 1000
    left = pq.ParquetFile(file).read().to_pydict()
    assert left == {"c0": text, "c1": [*text[:20], None if nullable else "", *text[21:]]}
    assert emptied(file, every, LARGE) == [] or packed == "none"  # there, it is no smaller than it was


def test_rows_that_are_lost_in_two_columns_are_lost_once() -> None:
    texts = [[f"some words {n}" for n in range(9)] for _ in range(3)]
    for column, row in ((0, 2), (1, 2), (2, 7)):
        texts[column][row] = "x" * LARGE
    file = written(texts, True, False, "1.0", "zstd")
    lost = emptied(file, chunks(file, True), LARGE)
    assert [one.rows for one in lost] == [range(2, 3), range(7, 8)]
    assert lost[0].bytes > 2 * LARGE


def test_overlapping_rows_are_put_together() -> None:
    content, every = b"", []
    for counts in ([3, 4, 5], [5, 4, 3]):
        start = len(content)
        for number, values in enumerate(counts):
            page = empty(500 if number else 200, values, True)
            assert page is not None
            content += page
        every.append(Chunk(start, len(content), True))
    *_, last = pages(io.BytesIO(content), 0, len(content))
    assert emptied(io.BytesIO(content), every, 300) == [Emptied(range(3, 12), 4 * last.bytes)]


@given(st.integers(0, 200_000), st.integers(1, 3000), st.booleans())
@example(89, 64, True)  # where the numbers of the header need one byte more each
def test_an_empty_page_has_the_length_that_was_asked_for(length: int, values: int, nullable: bool) -> None:
    page = empty(length, values, nullable)
    if page is None:
        assert length < 64 + (0 if nullable else 4 * values)
        return
    assert len(page) == length
    (found,) = pages(io.BytesIO(page), 0, length)
    assert (found.start, found.end, found.values) == (0, length, values)


def test_a_page_of_any_length_can_be_emptied() -> None:
    for length in range(60, 130):
        file = written([["a" * 20, "b" * length, "c" * 20]], True, False, "1.0", "none")
        (lost,) = emptied(file, chunks(file, True), 50)
        assert lost.rows == range(1, 2)
        assert pq.ParquetFile(file).read().to_pydict() == {"c0": ["a" * 20, None, "c" * 20]}


@given(st.binary(max_size=300), st.integers(-5, 300), st.integers(-5, 10**19))
def test_whatever_is_there_is_pages_or_none(content: bytes, start: int, end: int) -> None:
    for page in pages(io.BytesIO(content), start, end):
        assert page.start < page.end
        assert min(page.bytes, page.values) >= 0


def test_a_page_says_of_what_kind_it_is() -> None:
    for version, dictionary, kinds in (("1.0", False, [0, 0]), ("2.0", False, [3, 3]), ("1.0", True, [2, 0, 0])):
        file = written([["some words", "other words"]], True, dictionary, version, "none")
        (chunk,) = chunks(file, True)
        found = list(pages(file, chunk.start, chunk.end))
        assert [page.kind for page in found] == kinds
        assert [page.values for page in found] == [int(kind != 2) for kind in kinds]
