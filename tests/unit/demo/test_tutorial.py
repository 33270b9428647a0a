"""The tutorial's commands are found where a reader finds them, and the real one tells the whole story."""

from __future__ import annotations

import re

import pytest

from e2e.demo import tutorial
from e2e.demo.cast import EXAMPLE, SHORT_NAMES, TUTORIAL

TEXT = """# Title
```sh
lost: before any chapter
```
## One
words
```sh
first \\
  --long
second
```
```console
$ not typed
```
```sh
third
```
## Two, without commands
## Three
```sh
fourth
```
"""


def test_only_sh_blocks_count_and_they_keep_their_chapter() -> None:
    found = tutorial.chapters(TEXT)
    assert [(c.title, c.blocks) for c in found] == [
        ("", ("lost: before any chapter",)),
        ("One", ("first \\\n  --long\nsecond", "third")),
        ("Three", ("fourth",)),
    ]


def test_an_open_fence_is_an_error_that_names_its_place() -> None:
    with pytest.raises(ValueError, match="One"):
        tutorial.chapters("## One\n```sh\nforever")


def test_the_tutorial_applies_every_file_of_the_example() -> None:
    commands = "\n".join(block for chapter in tutorial.read(TUTORIAL) for block in chapter.blocks)
    assert set(re.findall(r" -f (\S+\.yaml)", commands)) == {file.name for file in EXAMPLE.glob("*.yaml")}


def test_the_tutorial_has_a_chapter_for_every_version() -> None:
    titles = [chapter.title for chapter in tutorial.read(TUTORIAL)]
    assert [title[:2] for title in titles if title.startswith("v")] == list(SHORT_NAMES)
    assert titles[-1] == "Clean up"
