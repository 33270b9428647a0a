"""Which questions does a page of documentation answer?

Every heading asks for the text below it, up to the next heading, with its code, lists and tables as they stand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin

from slipway_data.raw import RawFile, Refused
from slipway_data.rows import NOTHING_TO_ASK, UNREADABLE_FILE, Ids, Parsed, Rejected, instruction
from slipway_data.spdx import header

SYSTEM = "You answer questions about the documentation, in Markdown."
ASKS = ("Explain {}.", "What does the documentation say about {}?", "What should I know about {}?")
UNREADABLE = (RecursionError, ValueError, LookupError, AttributeError)
"""What PyYAML raises, besides errors of its own, at values that are none of their type: the 30th of February."""
ENTRIES_LIMIT = 10_000
"""Entries that a mapping of the front matter may have."""
MARKDOWN = MarkdownIt("commonmark").enable("table").use(front_matter_plugin)


@dataclass(frozen=True)
class Section:
    """The headings that lead to a text, from the page's title down, and the text itself."""

    path: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Page:
    """What a page has: sections with text, in their order, and the licence that it says it has, if any."""

    sections: tuple[Section, ...]
    licence: str | None


def read(file: RawFile, schema: Literal["Chat", "Completion"]) -> Iterator[Parsed | Rejected]:
    """Yield question and answer of every section of `file`, or a rejection for the file.

    Text above the first heading belongs to the `title` of the front matter; without one, nobody could ask for it.
    """
    try:
        page = parse(file.text())
    except Refused as error:
        yield error.rejected(file.path)
        return
    ids, columns = Ids(file.path), {"license": page.licence} if page.licence else {}
    for section in page.sections:
        if section.path:
            id = ids.next("/".join(map(_slug, section.path)))
            yield Parsed(id, instruction(question(section.path), section.text, schema, SYSTEM), columns=columns)
        else:
            message = "text above the first heading: put a heading over it, or a title into the front matter"
            yield Rejected(file.path, NOTHING_TO_ASK, message)


def question(path: tuple[str, ...]) -> str:
    """Return the words that ask for the section below `path`, always the same ones."""
    *above, last = path
    within = f" ({' / '.join(above)})" if above else ""
    if last.endswith("?"):
        return f"{last}{within}"
    opening = ASKS[hashlib.sha256(repr(path).encode()).digest()[0] % len(ASKS)]
    return opening.format(f"“{last}”{within}")


def parse(text: str) -> Page:
    """Return the page that `text` is; raise Refused at front matter that is no YAML."""
    tokens = MARKDOWN.parse(text)
    said, start = _front_matter(tokens)
    title, licence = (" ".join(v.split()) if isinstance(v := said.get(n), str) else "" for n in ("title", "license"))
    return Page(tuple(_sections(text, tokens, title, start)), licence or header(text))


def _sections(text: str, tokens: list[Token], title: str, start: int) -> list[Section]:
    """Return the sections below `title` that have text, from line `start` on."""
    lines = re.split(r"\r\n|\r|\n", text)
    path: list[tuple[int, str]] = [(0, title)] if title else []
    found: list[Section] = []

    def end(start: int, line: int) -> None:
        body = "\n".join(lines[start:line]).strip("\n").rstrip()
        if body.strip():
            found.append(Section(tuple(name for _, name in path), body))

    for at, token in enumerate(tokens):
        # A heading inside a quotation or a list is part of the text.
        if token.type != "heading_open" or token.level or token.map is None:
            continue
        end(start, token.map[0])
        level = int(token.tag[1:])
        # The first heading of a page often says its title once more.
        path = [(above, name) for above, name in path if above < level]
        heading = _plain(tokens[at + 1])
        if heading and [name for _, name in path] != [heading]:
            path.append((level, heading))
        start = token.map[1]
    end(start, len(lines))
    return found


def _front_matter(tokens: list[Token]) -> tuple[dict[str, object], int]:
    """Return what a page's front matter says, if it has any, and the line where text begins."""
    if not tokens or tokens[0].type != "front_matter" or tokens[0].map is None:
        return {}, 0
    try:
        said = yaml.load(tokens[0].content, _FrontMatter)
    except (yaml.YAMLError, *UNREADABLE) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: " if mark is not None else ""
        raise Refused(UNREADABLE_FILE, f"{where}the front matter is no YAML: correct or remove it") from error
    return said if isinstance(said, dict) else {}, tokens[0].map[1]


class _FrontMatter(yaml.SafeLoader):
    """Reads YAML whose mappings merge no more than a page can mean: by `<<`, twenty lines make a million entries."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > ENTRIES_LIMIT:
            raise yaml.constructor.ConstructorError(None, None, "too many entries", node.start_mark)


def _plain(heading: Token) -> str:
    """Return the words of a heading without its markup."""
    breaks = ("softbreak", "hardbreak")
    shown = (token for token in heading.children or [] if token.type in ("text", "code_inline", *breaks))
    words = "".join(" " if token.type in breaks else token.content for token in shown)
    return " ".join(words.split())


def _slug(heading: str) -> str:
    """Return a heading as part of an id."""
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-") or "-"
