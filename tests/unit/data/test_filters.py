"""Does a filter reject what it should, with its reason, and nothing else?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.api.dataset_steps import Filter
from slipway_data.counts import Counts
from slipway_data.filters import Filtered, alphanumerics
from slipway_data.quality import quality
from slipway_data.rows import Chat, Completion, Content, Message, Rejected, Row
from slipway_pod.errors import BadConfig

ENGLISH = "This function adds a small cube to the scene and moves it to the place where the cursor is."
GERMAN = "Diese Funktion fügt der Szene einen kleinen Würfel hinzu und schiebt ihn an die Stelle des Zeigers."
FRENCH = "Cette fonction ajoute un petit cube à la scène et le déplace vers l'endroit où se trouve le curseur."
CODE = "x = [a[i] + b[i] for i in range(10)]\nif x[0] != y[1]: z(x)\n"


def reason(content: Content, **fields: Any) -> str | None:
    step = Filter.model_validate(fields)
    found = Filtered(step, 1, Counts())(Row("id", "group", content))
    return found.reason if isinstance(found, Rejected) else None


def said(text: str) -> Completion:
    return Completion("", text)


def test_a_filter_that_says_nothing_keeps_everything() -> None:
    for text in ("", "x" * 100_000, "!!!", GERMAN):
        assert reason(said(text)) is None


def test_one_line_too_long_rejects_the_row() -> None:
    assert reason(said("x" * 80 + "\n" + "y" * 80 + "\r\n" + "z" * 80), maxLineCharacters=80) is None
    assert reason(said("x\n" + "y" * 81), maxLineCharacters=80) == "LineTooLong"
    assert reason(said(""), maxLineCharacters=1) is None
    assert reason(Completion("x" * 100, "short"), maxLineCharacters=80) is None


def test_letters_and_digits_are_counted_without_white_space() -> None:
    assert reason(said("ab1 \n\t =" + " " * 50), minAlphanumericPercent=75) is None
    assert reason(said("ab1=="), minAlphanumericPercent=61) == "FewAlphanumerics"
    assert reason(said("äö٣漢"), minAlphanumericPercent=100) is None
    assert reason(said(""), minAlphanumericPercent=100) is None


@given(st.text(st.sampled_from("aZ0_ \t\n\x1c\x1f\x00=+-äß٣漢\u2028\xa0"), max_size=30))
def test_ascii_is_counted_like_other_text(text: str) -> None:
    shown = [char for char in text if not char.isspace()]
    assert alphanumerics(text) == (len(shown), sum(char.isalnum() for char in shown))


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (GERMAN, "de"), (FRENCH, "fr")])
def test_a_text_in_another_language_is_rejected(text: str, language: str) -> None:
    others = [name for name in ("en", "de", "fr") if name != language]
    assert reason(said(text), languages=[language]) is None
    assert reason(said(text), languages=others) == "OtherLanguage"


def test_prompt_and_answer_are_judged_together_and_the_system_prompt_is_not() -> None:
    turns = (Message("system", FRENCH * 20), Message("user", ENGLISH), Message("assistant", CODE))
    assert reason(Chat(turns), languages=["en"]) is None
    assert reason(Chat(turns), languages=["fr"]) == "OtherLanguage"


@pytest.mark.parametrize("text", ["ok", "12 34 56 78 90", "{}[]();:", ""])
def test_what_cannot_be_told_passes(text: str) -> None:
    assert reason(said(text), languages=["de"]) is None


def test_a_language_that_cannot_be_told_is_bad_config_with_its_place() -> None:
    with pytest.raises(BadConfig, match=r"steps\[1\]\.filter\.languages: xx cannot be told") as caught:
        reason(said(ENGLISH), languages=["en", "xx"])
    assert caught.value.reason == "UnknownLanguage"


def test_the_message_names_the_field_and_the_numbers() -> None:
    step = Filter.model_validate({"minAlphanumericPercent": 61})
    found = Filtered(step, 1, Counts())(Row("id", "group", said("ab1==")))
    assert isinstance(found, Rejected)
    assert found.message == "60 percent letters and digits, filter.minAlphanumericPercent is 61"


def test_a_text_of_low_quality_is_rejected_with_what_cost_most() -> None:
    spam = said("Click here to win $$$ today !!!\n" * 40)
    found = Filtered(Filter(min_quality_percent=60), 1, Counts())(Row("id", "group", spam))
    assert isinstance(found, Rejected)
    assert found.reason == "LowQuality"
    points = quality(spam.completion)
    assert found.message == f"{points.score} of 100 points ({points.reasons}), filter.minQualityPercent is 60"
    assert found.message.partition("(")[2].startswith("Repeated")
    assert reason(said(ENGLISH), minQualityPercent=100) is None
    assert reason(spam, minQualityPercent=max(1, points.score)) is None


def test_every_score_is_counted_by_the_filter_that_judged_it() -> None:
    counts = Counts()
    first, second = (Filtered(Filter(min_quality_percent=50), number, counts) for number in (1, 3))
    for text in (ENGLISH, ENGLISH, "buy gold now cheap and " * 60):
        first(Row("id", "group", said(text)))
    second(Row("id", "group", said(ENGLISH)))
    assert counts.scores[1, 100] == 2
    assert sum(rows for (step, _), rows in counts.scores.items() if step == 1) == 3
    assert counts.scores[3, 100] == 1
    assert list(counts.costs) == [(1, "RepeatedWords")]
