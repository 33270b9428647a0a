"""Pairs of answers, sheets of them, and files of people who rate them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from slipway.contract.ratings import KeyedPair, RatingFile, Sheet, Side
from slipway_pod.ratings.draw import Answered
from slipway_pod.ratings.files import Found

DIGEST = "sha256:" + "5" * 64
SHEET = Sheet(
    metric="preferred",
    uri="s3://slipway/slipway/evaluations/e/sheet.html",
    key="s3://slipway/slipway/evaluations/e/sheet-key.json",
    digest=DIGEST,
    pairs=12,
)


def answered(number: int, version: str = "", reference: str = "") -> Answered:
    question = (("user", f"question {number}"),)
    return Answered(
        f"row-{number}", f"group-{number % 3}", question, version or f"this {number}", reference or f"that {number}"
    )


def pairs(sides: Sequence[Side]) -> tuple[KeyedPair, ...]:
    return tuple(KeyedPair(id=f"row-{at}", group="g", version=side) for at, side in enumerate(sides, start=1))


def ratings(rater: str, choices: Mapping[int, str], sheet: str = DIGEST, **comments: str) -> dict[str, Any]:
    """Return what `rater` said of pairs by number; `comments` are named c1, c2, …"""
    rows = [
        {"item": item, "choice": choice} | ({"comment": comments[f"c{item}"]} if f"c{item}" in comments else {})
        for item, choice in choices.items()
    ]
    return {"format": "slipway.dev/ratings/v1", "sheet": sheet, "rater": rater, "ratings": rows}


def parsed(rater: str, choices: Mapping[int, str]) -> RatingFile:
    return RatingFile.model_validate(ratings(rater, choices))


def found(name: str, content: object) -> Found:
    return Found(name, content if isinstance(content, bytes) else json.dumps(content).encode())


texts = st.text(max_size=60) | st.sampled_from(
    [
        "</pre></section><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "]]></script>",
        "{{ digest }} {% raw %}",
        '" onclick="alert(1)',
        "a\u202eb\x00c",
        "&lt;b&gt; &amp;",
    ]
)
couples = st.lists(
    st.builds(
        Answered, st.text(max_size=8), st.text(max_size=8), st.tuples(st.tuples(st.just("user"), texts)), texts, texts
    ),
    min_size=1,
    max_size=12,
)
