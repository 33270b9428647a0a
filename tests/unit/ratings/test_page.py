"""Does a sheet show everything as text, run only its own script, and say nothing about sides?"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import get_args
from xml.etree import ElementTree

from hypothesis import given, settings

from slipway.contract.ratings import Choice, RatingFile
from slipway_pod.ratings.draw import Answered, draw
from slipway_pod.ratings.page import sheet
from tests.unit.ratings.sheets import answered, couples


def read(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html.removeprefix("<!DOCTYPE html>\n"))


def made(*rows: Answered, lot: str = "a lot") -> str:
    drawn = draw(rows, lot)
    return sheet(drawn.shown, drawn.digest)


@settings(max_examples=60, deadline=None)
@given(couples)
def test_whatever_models_write_stays_text(rows: list[Answered]) -> None:
    drawn = draw(rows, "lot")
    page = read(sheet(drawn.shown, drawn.digest))
    tags = [element.tag for element in page.iter()]
    plain = [element.tag for element in read(made(*(answered(at) for at in range(len(rows))))).iter()]
    assert tags == plain, "hostile text makes no element that harmless text does not make"
    texts = [element.text for element in page.iter("pre")]
    for one in drawn.shown:
        for text in (one.left or "(an empty answer)", one.right or "(an empty answer)"):
            assert text in texts


def test_only_its_own_script_and_style_may_run_and_nothing_may_be_fetched() -> None:
    html = made(answered(1))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    parts = dict(part.strip().split(" ", 1) for part in policy[1].split(";"))
    assert parts["default-src"] == "'none'"
    page = read(html)
    for tag, source in (("script", "script-src"), ("style", "style-src")):
        (element,) = page.iter(tag)
        content = html.split(f"<{tag}>")[1].split(f"</{tag}>")[0]
        assert parts[source] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
        assert not element.attrib
    assert not re.search(r'\s(src|href|action|style|on\w+)="', html)
    assert "http" not in re.sub(r"Content-Security-Policy|http-equiv", "", html)


def test_the_page_names_no_model_row_or_key() -> None:
    rows = [answered(at) for at in range(9)]
    drawn = draw(rows, "the secret lot")
    html = sheet(drawn.shown, drawn.digest)
    for secret in ("the secret lot", "row-", "group-", "ersion", "eference", "andidate", "aseline"):
        assert secret not in html, secret


def test_sides_differ_in_nothing_but_their_name_and_text() -> None:
    page = read(made(answered(1)))
    (answers,) = (element for element in page.iter("div") if element.get("class") == "answers")
    left, right = answers
    written = [ElementTree.tostring(side, encoding="unicode") for side in (left, right)]
    for at, name in enumerate(("Left", "Right")):
        text = answers[at].find("pre").text  # type: ignore[union-attr]
        written[at] = written[at].replace(name, "SIDE").replace(text or "", "TEXT")
    assert written[0].strip() == written[1].strip()


def test_every_control_can_be_named_and_reached() -> None:
    page = read(made(answered(1), answered(2)))
    ids = {element.get("id") for element in page.iter() if element.get("id")}
    for element in page.iter():
        assert element.get("for") is None or element.get("for") in ids
        assert element.get("aria-labelledby") is None or element.get("aria-labelledby") in ids
        if element.tag == "button":
            assert element.get("type") == "button"
            assert element.get("aria-label") or "".join(element.itertext()).strip()
    choices = [b.get("data-choice") for b in page.iter("button") if b.get("data-choice")]
    assert choices == ["Left", "Right", "Tie", "BothBad"] * 2


def test_the_script_finds_what_it_looks_for_and_writes_what_is_counted() -> None:
    page = read(made(answered(1)))
    (script,) = (element.text or "" for element in page.iter("script"))
    ids = {element.get("id") for element in page.iter()}
    assert set(re.findall(r'byId\("([^"]+)"\)', script)) <= ids
    assert re.findall(r'choose\("(\w+)"\)', script) == list(get_args(Choice))
    (sheet_element,) = (element for element in page.iter("main"))
    assert {f"data-{name}" for name in ("digest", "format", "markup", "rater")} <= set(sheet_element.keys())
    assert "innerHTML" not in script, "what people and models write never becomes markup"
    assert sheet_element.get("data-format") == RatingFile.model_fields["format"].annotation.__args__[0]  # type: ignore[union-attr]
