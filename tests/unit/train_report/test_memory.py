"""Does the estimate of a run's memory grow with what needs more, and is read right what Linux says there is?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway_train_torch.causal_lm.memory.estimate import Estimate, Lines, Piece, Shape, estimate
from slipway_train_torch.causal_lm.memory.linux import STEP, left_in_cgroup, peak_resident, physical

SMALL = Shape(
    weights=540_000_000, trained=5_000_000, layers=30, width=576, inner=1536, queries=576, keys=192, vocabulary=49_152,
    number=4, rank=16,
)  # fmt: skip
FULL = replace(SMALL, trained=135_000_000, rank=0, head_trained=True)
PIECE = Piece(4096, 1024)

shapes = st.builds(
    Shape,
    weights=st.integers(0, 10**12),
    trained=st.integers(1, 10**11),
    layers=st.integers(1, 200),
    width=st.integers(1, 20_000),
    inner=st.integers(1, 80_000),
    queries=st.integers(1, 20_000),
    keys=st.integers(1, 20_000),
    vocabulary=st.integers(1, 300_000),
    number=st.sampled_from((2, 4)),
    rank=st.integers(0, 1024),
    copied=st.integers(0, 10**10),
    head_trained=st.booleans(),
    magnitudes=st.booleans(),
    dropout=st.booleans(),
    pairs=st.booleans(),
    keeps_best=st.booleans(),
)
rows = st.lists(st.integers(1, 9000), min_size=1, max_size=20)


def test_the_parts_make_the_whole() -> None:
    found = estimate(FULL, PIECE, recompute=False)
    assert found.weights == 540_000_000
    assert found.gradients == 4 * 135_000_000
    assert found.optimiser == 8 * 135_000_000
    assert found.least == found.weights + found.gradients + found.optimiser + found.activations + found.loss
    assert found.total == found.least + found.least // 10 == found.least + found.safety


@given(shapes, st.integers(1, 10**6), st.integers(0, 10**6))
def test_computing_again_never_takes_more(shape: Shape, tokens: int, trained: int) -> None:
    piece = Piece(tokens, min(tokens, trained))
    assert estimate(shape, piece, recompute=True).least <= estimate(shape, piece, recompute=False).least


@given(shapes, rows, st.booleans())
def test_more_rows_and_longer_ones_never_take_less(shape: Shape, lengths: list[int], recompute: bool) -> None:
    def needed(tokens: list[int], at_once: int) -> Estimate:
        return estimate(shape, Lines(tokens, [n // 2 for n in tokens]).largest(at_once), recompute)

    sizes = [needed(lengths, at_once).least for at_once in range(1, len(lengths) + 2)]
    assert sizes == sorted(sizes)
    assert needed([n + 100 for n in lengths], 2).least > needed(lengths, 2).least


@given(shapes, st.booleans())
def test_a_higher_rank_takes_more(shape: Shape, recompute: bool) -> None:
    higher = replace(shape, rank=shape.rank + 1, trained=shape.trained + 1)
    assert estimate(higher, PIECE, recompute).least > estimate(shape, PIECE, recompute).least


@pytest.mark.parametrize(
    "update",
    [
        {"layers": 31}, {"magnitudes": True}, {"dropout": True}, {"keeps_best": True}, {"pairs": True},
        {"vocabulary": 128_000}, {"copied": 1000}, {"head_trained": True}, {"inner": 2048}, {"keys": 576},
    ],
)  # fmt: skip
def test_each_fact_counts(update: dict[str, int]) -> None:
    assert estimate(replace(SMALL, **update), PIECE, False).least > estimate(SMALL, PIECE, False).least


def cgroup(root: Path, **files: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / f"memory.{name}").write_text(text)
    return root


STAT = "anon 500\nactive_file 3000\ninactive_file 7000\n"


def test_room_is_the_limit_without_what_is_taken_and_with_what_is_only_cached(tmp_path: Path) -> None:
    used = STEP + 10_000
    cgroup(tmp_path, max=f"{20 * STEP}\n", current=f"{used + 1}\n", stat=STAT)
    # One byte above a step is taken for two.
    assert left_in_cgroup(tmp_path) == 18 * STEP
    cgroup(tmp_path, current=f"{used}\n")
    assert left_in_cgroup(tmp_path) == 19 * STEP


def test_room_in_the_first_version_of_cgroups(tmp_path: Path) -> None:
    total = "".join(f"total_{line}\n" for line in STAT.splitlines())
    cgroup(tmp_path / "memory", limit_in_bytes=f"{8 * STEP}", usage_in_bytes=f"{10_000 + 1}", stat=STAT + total)
    assert left_in_cgroup(tmp_path) == 7 * STEP


def test_without_a_limit_nothing_is_known_of_the_room(tmp_path: Path) -> None:
    assert left_in_cgroup(tmp_path) is None
    cgroup(tmp_path, max="max\n", current="5\n", stat=STAT)
    assert left_in_cgroup(tmp_path) is None
    (tmp_path / "memory.max").unlink()
    cgroup(tmp_path / "memory", limit_in_bytes=str(physical() + 1), usage_in_bytes="5", stat=STAT)
    assert left_in_cgroup(tmp_path) is None


def test_the_peak_of_a_process_is_what_linux_says(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmPeak:\t9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t1024 kB\n")
    assert peak_resident(tmp_path / "status") == 2048 * 1024
    assert peak_resident(tmp_path / "none") is None
