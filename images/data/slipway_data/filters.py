"""Which rows does a filter step reject, and why?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from slipway.api.dataset_steps import Filter
from slipway_data.characters import LETTER, SPACE, codes_of, kinds_of
from slipway_data.counts import Counts
from slipway_data.quality import quality
from slipway_data.rows import (
    FEW_ALPHANUMERICS,
    LINE_TOO_LONG,
    LOW_QUALITY,
    OTHER_LANGUAGE,
    TOO_LONG,
    TOO_SHORT,
    Content,
    Rejected,
    Row,
)
from slipway_pod.errors import BadConfig

CERTAINTY = 0.5
"""How sure the detector must be: of code and of a few words it is not."""
LANGUAGE_CHARACTERS = 10_000
"""What the language is told by. More would not change the answer."""
ASCII_SPACES = bytes(code for code in range(128) if chr(code).isspace())
ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())
UNTOLD = ("und", "zxx")
"""The detector's words for what it is not sure of, and for what is no language."""
Fault = tuple[str, str]
Check = Callable[[Content], Fault | None]


class Filtered:
    """Rejects the rows that a filter step does not want, each for the first reason there is."""

    def __init__(self, step: Filter, number: int, counts: Counts) -> None:
        self._checks = tuple(_checks(step, number, counts))

    def __call__(self, row: Row) -> Row | Rejected:
        """Return the row, or why it is rejected."""
        for check in self._checks:
            fault = check(row.content)
            if fault is not None:
                return Rejected(row.id, *fault)
        return row


def _checks(step: Filter, number: int, counts: Counts) -> Iterator[Check]:
    """Yield what a step checks, the cheap things first."""
    yield partial(_length, step.min_characters, step.max_characters)
    if step.max_line_characters is not None:
        yield partial(_lines, step.max_line_characters)
    if step.min_alphanumeric_percent is not None:
        yield partial(_alphanumerics, step.min_alphanumeric_percent)
    if step.min_quality_percent is not None:
        yield partial(_quality, step.min_quality_percent, number, counts)
    if step.languages is not None:
        yield LanguageCheck(step.languages, number)


def _length(least: int, most: int | None, content: Content) -> Fault | None:
    length = len(content.trained)
    if length < least:
        return TOO_SHORT, f"{length} characters, filter.minCharacters is {least}"
    if most is not None and length > most:
        return TOO_LONG, f"{length} characters, filter.maxCharacters is {most}"
    return None


def _lines(most: int, content: Content) -> Fault | None:
    longest = max(map(len, content.trained.splitlines()), default=0)
    if longest <= most:
        return None
    return LINE_TOO_LONG, f"a line of {longest} characters, filter.maxLineCharacters is {most}"


def _alphanumerics(least: int, content: Content) -> Fault | None:
    shown, count = alphanumerics(content.trained)
    if count * 100 >= least * shown:
        return None
    share = count * 100 // shown
    return FEW_ALPHANUMERICS, f"{share} percent letters and digits, filter.minAlphanumericPercent is {least}"


def _quality(least: int, number: int, counts: Counts, content: Content) -> Fault | None:
    found = quality(content.trained)
    counts.scores[number, found.score] += 1
    if found.costs:
        counts.costs[number, found.costs[0][0]] += 1
    if found.score >= least:
        return None
    return LOW_QUALITY, f"{found.score} of 100 points ({found.reasons}), filter.minQualityPercent is {least}"


def alphanumerics(text: str) -> tuple[int, int]:
    """Return how many characters of `text` are not white space, and how many are letters or digits."""
    if text.isascii():  # most code is, and bytes are counted several times as fast
        raw = text.encode()
        return len(raw.translate(None, ASCII_SPACES)), len(raw.translate(None, ASCII_SIGNS))
    kinds = kinds_of(codes_of(text))
    letters = int(np.count_nonzero(kinds == LETTER)) - text.count("_")
    return int(np.count_nonzero(kinds != SPACE)), letters


class LanguageCheck:
    """Tells rows in another language than those wanted."""

    def __init__(self, wanted: list[str], number: int) -> None:
        # Here, since few jobs ask for languages, and each process would hold it.
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._wanted = wanted
        self._detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True, min_confidence=CERTAINTY)
        unknown = [name for name in wanted if name not in self._detector.labels]
        if unknown:
            raise BadConfig(
                "UnknownLanguage",
                f"steps[{number}].filter.languages: {unknown[0]} cannot be told: write an ISO 639 code, such as en",
            )

    def __call__(self, content: Content) -> Fault | None:
        """Return what is wrong with the language of a row, if anything."""
        found, certainty = self._detector.classify(content.text[:LANGUAGE_CHARACTERS])
        if found in self._wanted or found in UNTOLD:
            return None
        percent = int(certainty * 100)
        return OTHER_LANGUAGE, f"its language is {found} ({percent} percent sure), filter.languages has it not"
