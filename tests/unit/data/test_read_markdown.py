"""Which questions does a page of documentation answer?"""

from __future__ import annotations

import pytest

from slipway_data import read_markdown
from slipway_data.raw import RawFile
from slipway_data.read_markdown import parse, question
from slipway_data.rows import Completion, Parsed, Rejected

PAGE = """---
title: Baking
tags: [a, b]
---
Baking saves *simulations*.

# Baking

Above all.

## From `bpy`, by **script**

Call it:

```python
# not a heading
bpy.ops.ptcache.bake_all()
```

> # A heading in a quotation
> stays there

### Is it slow?
No.

## Empty

Setext
------
| a | b |
|---|---|
| 1 | 2 |

### Is it slow?
Still no.
"""


def read(text: str) -> list[Parsed | Rejected]:
    return list(read_markdown.read(RawFile("docs/bake.md", lambda: [text.encode()]), "Completion"))


def answers(text: str) -> dict[tuple[str, ...], str]:
    return {section.path: section.text for section in parse(text).sections}


def test_every_heading_with_a_text_is_a_section() -> None:
    found = parse(PAGE).sections
    assert [section.path for section in found] == [
        ("Baking",),
        ("Baking",),
        ("Baking", "From bpy, by script"),
        ("Baking", "From bpy, by script", "Is it slow?"),
        ("Baking", "Setext"),
        ("Baking", "Setext", "Is it slow?"),
    ]
    assert found[0].text == "Baking saves *simulations*."
    assert found[1].text == "Above all."


def test_code_quotations_and_tables_stay_as_they_are() -> None:
    found = answers(PAGE)
    assert found["Baking", "From bpy, by script"] == (
        "Call it:\n\n```python\n# not a heading\nbpy.ops.ptcache.bake_all()\n```\n\n"
        "> # A heading in a quotation\n> stays there"
    )
    assert found["Baking", "Setext"] == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_indented_code_keeps_its_indent_and_windows_line_ends_count() -> None:
    assert answers("# A\r\n\r\n    code()\r\n\r\n# B\r\ntext")["A",] == "    code()"
    assert answers("# A\r\n\r\n    code()\r\n\r\n# B\r\ntext")["B",] == "text"


def test_ids_are_made_of_headings_and_numbered_where_they_come_again() -> None:
    assert [item.id for item in read(PAGE)] == [
        f"docs/bake.md#{name}"
        for name in (
            "baking",
            "baking~2",
            "baking/from-bpy-by-script",
            "baking/from-bpy-by-script/is-it-slow",
            "baking/setext",
            "baking/setext/is-it-slow",
        )
    ]


def test_questions_name_the_path() -> None:
    assert question(("Baking", "Bake all", "Is it slow?")) == "Is it slow? (Baking / Bake all)"
    assert "“Bake all” (Baking)" in question(("Baking", "Bake all"))
    assert question(("Baking",)) == question(("Baking",))
    item = read(PAGE)[3]
    assert isinstance(item, Parsed)
    assert item.content == Completion("Is it slow? (Baking / From bpy, by script)\n", "No.")


def test_a_text_without_heading_and_title_is_rejected() -> None:
    lost, kept = read("Hello\n\n# More\n\ntext\n")
    assert isinstance(lost, Rejected)
    assert (lost.id, lost.reason) == ("docs/bake.md", "NothingToAsk")
    assert isinstance(kept, Parsed)
    assert read("\n\n# Only a heading\n") == []


@pytest.mark.parametrize("matter", ["title: [", "a: b: c", "title: *unknown", "- " * 5000])
def test_front_matter_that_is_no_yaml_is_rejected(matter: str) -> None:
    (item,) = read(f"---\n{matter}\n---\n# A\ntext\n")
    assert isinstance(item, Rejected)
    assert item.reason == "UnreadableFile"
    assert "front matter" in item.message


def test_front_matter_may_say_anything_else() -> None:
    for matter in ("title: 3", "- a list", "title: ''", ""):
        assert answers(f"---\n{matter}\n---\n# A\ntext\n") == {("A",): "text"}


@pytest.mark.parametrize("value", ["9" * 5000, "2026-02-30", "!!int x", "!!bool x", "!!timestamp x", '!!int ""'])
def test_front_matter_with_a_value_that_is_none_of_its_type_is_a_rejection(value: str) -> None:
    text = f"---\ntitle: A page\nnumber: {value}\n---\nText.\n"
    (found,) = read_markdown.read(RawFile("page.md", lambda: [text.encode()]), "Completion")
    assert isinstance(found, Rejected)
    assert found.message == "the front matter is no YAML: correct or remove it"


def test_front_matter_that_merges_into_more_than_fits_is_a_rejection() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)]  # twice as many entries in each
    (item,) = read("---\n" + "\n".join(lines) + "\n---\n# A\ntext\n")
    assert isinstance(item, Rejected)
    assert item.message == "line 16: the front matter is no YAML: correct or remove it"
    assert answers("---\nbase: &base {a: b}\npage: {<<: *base, c: d}\ntitle: A\n---\ntext\n") == {("A",): "text"}
