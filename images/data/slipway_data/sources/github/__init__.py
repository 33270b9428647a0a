"""Which files of the repositories that a search on GitHub finds are raw data?"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from slipway.api.dataset_github import GitHubSource
from slipway.contract.job import PrepareDataset
from slipway.contract.source import GITHUB, TOKEN
from slipway_data import licence
from slipway_data.raw import RawFile
from slipway_data.sources.github.api import Api
from slipway_data.sources.github.find import Wanted, files, repositories
from slipway_data.sources.github.memory import Memory
from slipway_data.sources.github.pages import Repository
from slipway_data.sources.origin import Origin
from slipway_data.sources.web import REAL, Clock, Web
from slipway_pod.errors import BadData

log = logging.getLogger("slipway")


def opened(source: GitHubSource, job: PrepareDataset, environment: Mapping[str, str], clock: Clock = REAL) -> Origin:
    """Return the files of `source`, all of them brought to the object store.

    A pod that was killed on the way is followed by one that goes on where it was. Raises BadConfig (BudgetExhausted,
    SearchRefused, AccessDenied), BadData (NoFiles, TooManyFiles), or SourceUnreachable after long patience.
    """
    token = environment.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    memory = Memory(source, job, clock.wall())
    web = Web("source.github", headers, source.plain_http, clock=clock)
    api = Api(source.api_url or GITHUB, web, memory, source.max_calls)
    read = repositories(api, source.search)
    wanted = _wanted(api, source, read, licences=licence.asked_for(job.steps))
    log.info("%d files on GitHub", len(wanted))
    found = [file for file in wanted if _brought(api, file)]
    log.info("%d of them in the object store, after %d requests", len(found), memory.run.calls)
    return Origin.of(
        (RawFile(file.path, partial(_stream, memory, file), file.sha, f"git {file.sha}") for file in found),
        done=memory.ended,
        licences=stated(read),
    )


def stated(repositories: Iterable[Repository]) -> dict[str, str]:
    """Return the licences that GitHub has found in `repositories`, by the names of these, as SPDX calls them."""
    found = ((one.full_name, one.license) for one in repositories)
    return {name: said.spdx_id or licence.NOASSERTION for name, said in found if said is not None}


def _wanted(api: Api, source: GitHubSource, read: Iterable[Repository], *, licences: bool) -> list[Wanted]:
    found: list[Wanted] = []
    for repository in read:
        found += files(api, source, repository, licences=licences)
        if sum(file.is_data for file in found) > source.max_files:
            raise BadData(
                "TooManyFiles",
                f"source.github: more than {source.max_files} files match: raise maxFiles, or narrow search and "
                "include",
            )
    if not found:
        raise BadData(
            "NoFiles",
            "source.github: no file of the repositories that the search finds matches extensions, include and "
            "maxFileKibibytes: widen them, or the search",
        )
    return found


def _brought(api: Api, file: Wanted) -> bool:
    """Bring a file to the object store, if it is not there; tell whether it is now."""
    if api.memory.has(file.sha):
        return True
    content = api.blob(f"/repos/{file.repository}/git/blobs/{file.sha}", lambda body: git_name(body) == file.sha)
    if content is None:
        log.warning("%s is gone", file.path)
        return False
    api.memory.put(file.sha, content)
    return True


def git_name(content: bytes) -> str:
    """Return the name that Git gives to `content`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _stream(memory: Memory, file: Wanted) -> Iterator[bytes]:
    bucket, key = memory.place(file.sha)
    return bucket.stream(key)
