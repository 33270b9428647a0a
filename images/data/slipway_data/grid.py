"""How alike do two embeddings point, told the same on every machine?

An embedding becomes a direction on a grid of whole numbers, SCALE long. Dot products of such directions, and all sums
on the way to them, are whole numbers below 2^24, which 32 bit floats hold exactly: so the fast product of matrices
gives one result, whatever the order and the number of its threads, and similarity is decided in integers. Rounding to
the grid moves a cosine by about a hundredth of a percent.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

SCALE = 2048
LARGEST = 8192
"""Numbers in an embedding: with more, rounding could add up to 2^24."""

Grid = npt.NDArray[np.int16]
Dots = npt.NDArray[np.float32]
"""Whole numbers."""
Squares = npt.NDArray[np.int64]


def grid(embedding: npt.NDArray[np.float64]) -> Grid | None:
    """Return the direction of `embedding`, a vector of up to LARGEST numbers; None where it points nowhere."""
    largest = float(np.abs(embedding).max(initial=0.0))
    if not math.isfinite(largest) or largest == 0.0:
        return None
    scaled = embedding / largest
    length = math.sqrt(math.fsum((scaled * scaled).tolist()))  # rounded once, in whatever order
    return np.rint(scaled * (SCALE / length)).astype(np.int16)


def dots(these: Grid, those: Grid) -> Dots:
    """Return the dot products of the rows of two matrices, as a matrix with a row for each of `these`."""
    return these.astype(np.float32) @ those.astype(np.float32).T


def squares(rows: Grid) -> Squares:
    """Return the square of the length of each row of a matrix."""
    wide = rows.astype(np.int64)
    found: Squares = (wide * wide).sum(axis=1)
    return found


def alike(found: Dots, these: Squares, those: Squares, percent: int) -> npt.NDArray[np.bool_]:
    """Tell of which pairs the cosine is `percent` or more, by their dot products `found` and the squares of both."""
    # Few pairs reach what the shortest would have to; only those are looked at in integers, which stay below 2^63.
    least = math.isqrt(percent * percent * int(these.min()) * int(those.min()) // 10_000)
    reached: npt.NDArray[np.bool_] = found >= least
    lines, columns = np.nonzero(reached)
    product = found[lines, columns].astype(np.int64)
    reached[lines, columns] = product * product * 10_000 >= percent * percent * these[lines] * those[columns]
    return reached


def cosine_percent(dot: int, this: int, that: int) -> int:
    """Return the cosine of two rows in whole percent, rounded down, by their dot product and the square of each."""
    return min(100, math.isqrt(10_000 * dot * dot // (this * that)))
