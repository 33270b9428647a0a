"""What do the answers of GitHub's REST API say that matters here?"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Page(BaseModel):
    """A document of the API, or as much of it as is used."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @property
    def whole(self) -> bool:
        """Tell whether this is all that was asked for."""
        return True


class Licence(Page):
    """A licence as GitHub detected it."""

    spdx_id: str | None = None


class Repository(Page):
    """A repository that a search found."""

    full_name: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    default_branch: str
    stargazers_count: int = 0
    license: Licence | None = None


class Found(Page):
    """A page of a search. GitHub sorts, and shows the first thousand."""

    total_count: int
    incomplete_results: bool
    items: tuple[Repository, ...]

    @property
    def whole(self) -> bool:
        """Tell whether the search ended before GitHub's own time for it did."""
        return not self.incomplete_results


class Entry(Page):
    """A file or folder of a tree."""

    path: str
    mode: str
    type: str
    sha: str = Field(pattern=r"^[0-9a-f]{40}$")
    size: int = 0


class Tree(Page):
    """The files below a folder. `truncated` ones are to be read folder by folder."""

    tree: tuple[Entry, ...]
    truncated: bool
