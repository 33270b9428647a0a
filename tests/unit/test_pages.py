"""Does every link of the documentation lead somewhere, and does an index lead to every page?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "charts", "examples", "e2e")
PAGES = [ROOT / "README.md", *(page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md")))]
INDEXED = ("docs/how-to", "docs/explanation", "docs/reference", "docs/decisions")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def linked(page: Path) -> list[tuple[Path, str]]:
    """Return the files that a page links to, each with the heading it names, if any."""
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return [((page.parent / path).resolve() if path else page, heading) for path, heading in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, heading in linked(page):
        assert target.exists(), f"no such file: {target}"
        assert not heading or heading in anchors(target), f"no heading {heading} in {target}"


@pytest.mark.parametrize("folder", INDEXED)
def test_the_index_of_a_folder_leads_to_all_its_pages(folder: str) -> None:
    index = ROOT / folder / "README.md"
    pages = {page.resolve() for page in (ROOT / folder).glob("*.md")} - {index.resolve()}
    assert pages, "a folder without pages proves nothing"
    assert pages <= {target for target, _ in linked(index)}


def test_links_were_found() -> None:
    assert sum(len(linked(page)) for page in PAGES) > 50
    assert any(heading for page in PAGES for _, heading in linked(page))
