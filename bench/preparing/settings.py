"""With which settings is datatrove tried? All that look for the same similarity of as long shingles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """What datatrove does its own way, and what the plan's."""

    own_words: bool
    """Words are spaCy's, of texts in lower case without punctuation, as it is installed; else those of the plan."""
    own_patterns: bool
    """E-mail and IP addresses are found by its own patterns; else by the plan's."""


SETTINGS: dict[str, Setting] = {
    "its own words and patterns": Setting(own_words=True, own_patterns=True),
    "its own patterns, Slipway's words": Setting(own_words=False, own_patterns=True),
    "Slipway's words and patterns": Setting(own_words=False, own_patterns=False),
}


def peer_banding(similarity: float, hashes: int) -> tuple[int, int]:
    """Return into how many bands of how many values datatrove is to cut at most `hashes` of them.

    It drops what shares a band, and calls (1 / bands) ** (1 / size) the similarity from which texts do: this is the
    banding for which that comes nearest to `similarity`. Bands of which one finds every duplicate would make it drop
    many texts more that are none.
    """
    sizes = ((hashes // size, size) for size in range(1, hashes + 1))
    return min(sizes, key=lambda cut: abs((1 / cut[0]) ** (1 / cut[1]) - similarity))
