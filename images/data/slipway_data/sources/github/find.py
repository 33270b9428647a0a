"""Which repositories does a search find, and which of their files are wanted?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from urllib.parse import quote, urlencode

from slipway.api.dataset_github import GitHubSearch, GitHubSource
from slipway_data.licence import LicenceFiles, is_licence
from slipway_data.raw import RawFile
from slipway_data.sources.github.api import Api
from slipway_data.sources.github.pages import Entry, Found, Repository, Tree
from slipway_data.sources.globs import matcher
from slipway_pod.errors import BadConfig

PAGE = 100
SHOWN = 1000
"""How many results of a search GitHub shows."""
FILE_MODES = ("100644", "100755")
"""Links and submodules are no files."""


@dataclass(frozen=True)
class Wanted:
    """A file that is wanted: whose it is, its path below owner and name, and the name of its content."""

    repository: str
    path: str
    sha: str
    size: int
    is_data: bool = True
    """Whether rows are read from it; else it says the licence of files that they are read from."""


def queries(search: GitHubSearch) -> Iterator[str]:
    """Yield GitHub's words for `search`, one query for each language and licence: it knows no "or" between them."""
    common = [search.text] if search.text else []
    common += [f"topic:{topic}" for topic in sorted(search.topics)]
    common += [f"user:{owner}" for owner in sorted(search.owners)]
    common += [f"stars:>={search.min_stars}"] if search.min_stars else []
    if search.max_kibibytes is not None:
        common.append(f"size:{search.min_kibibytes}..{search.max_kibibytes}")
    elif search.min_kibibytes:
        common.append(f"size:>={search.min_kibibytes}")
    languages = [f'language:"{name}"' for name in sorted(search.languages)] or [""]
    licences = [f"license:{name.lower()}" for name in sorted(search.licences)] or [""]
    for language, licence in product(languages, licences):
        yield " ".join(word for word in (*common, language, licence) if word)


def repositories(api: Api, search: GitHubSearch) -> list[Repository]:
    """Return the repositories that `search` finds: those with the most stars, by name where these are equal."""
    allowed = {licence.lower() for licence in search.licences}
    found = {
        repository.full_name: repository
        for query in queries(search)
        for repository in _results(api, query, search.max_repositories)
        # The index that is searched may be older than the repository's licence.
        if not allowed or (repository.license is not None and (repository.license.spdx_id or "").lower() in allowed)
    }
    ranked = sorted(found.values(), key=lambda one: (-one.stargazers_count, one.full_name))
    return ranked[: search.max_repositories]


def files(api: Api, source: GitHubSource, repository: Repository, *, licences: bool) -> list[Wanted]:
    """Return the files of `repository` that are wanted; none where it is empty or gone.

    With `licences`, licence files are no data: those come that speak for some, whatever `source` includes.
    """
    name = repository.full_name
    included, limit = matcher(source.include), source.max_file_kibibytes * 1024
    endings = tuple(f".{extension.lower()}" for extension in source.extensions)
    there = dict(_entries(api, name, quote(repository.default_branch, safe=""), ""))
    data = [
        path
        for path, entry in there.items()
        if entry.size <= limit and included.fullmatch(path) and (not endings or path.lower().endswith(endings))
        if not (licences and is_licence(path))
    ]
    speaking = sorted(_speaking_for(data, there)) if licences else []
    return [
        Wanted(name, f"{name}/{path}", there[path].sha, there[path].size, is_data)
        for paths, is_data in ((data, True), (speaking, False))
        for path in paths
    ]


def _speaking_for(data: Iterable[str], there: Iterable[str]) -> set[str]:
    """Return which of the files that are `there` say the licence of those in `data`."""
    licences = LicenceFiles(RawFile(path, lambda: ()) for path in there)
    return {file.path for path in data for file in licences.speaking_for(path)}


def _results(api: Api, query: str, wanted: int) -> Iterator[Repository]:
    words = {"q": query, "sort": "stars", "order": "desc", "per_page": PAGE}
    for number in range(1, SHOWN // PAGE + 1):
        page = api.page(f"/search/repositories?{urlencode({**words, 'page': number})}", Found)
        if page is None:
            if number > 1:
                return
            api.memory.ended()  # The next run is to ask again.
            raise BadConfig("NotFound", "source.github.apiUrl: no GitHub API answers there: correct it")
        yield from page.items
        if not page.items or number * PAGE >= min(page.total_count, wanted):
            return


def _entries(api: Api, name: str, tree: str, folder: str) -> Iterator[tuple[str, Entry]]:
    """Yield the files below a folder with their paths; a folder too large for one answer is read piece by piece."""
    found = api.page(f"/repos/{name}/git/trees/{tree}?recursive=1", Tree)
    if found is not None and found.truncated:
        found = api.page(f"/repos/{name}/git/trees/{tree}", Tree)
        for entry in () if found is None else found.tree:
            if entry.type == "tree":
                yield from _entries(api, name, entry.sha, f"{folder}{entry.path}/")
    for entry in () if found is None else found.tree:
        if entry.type == "blob" and entry.mode in FILE_MODES:
            yield f"{folder}{entry.path}", entry
