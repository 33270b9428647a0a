"""With which settings is datatrove tried? All that draw as many hashes of as long shingles."""

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
