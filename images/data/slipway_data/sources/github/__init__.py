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
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import SOURCE_REFUSED, Rejected
from slipway_data.sources.github.api import Api, NotGiven
from slipway_data.sources.github.find import Wanted, files, repositories
from slipway_data.sources.github.given import Unanswered, each
from slipway_data.sources.github.memory import Memory
from slipway_data.sources.github.pages import Repository
from slipway_data.sources.origin import Origin
from slipway_data.sources.web import REAL, Clock, Web
from slipway_pod.errors import BadConfig, BadData, PodError, SourceUnreachable

log = logging.getLogger("slipway")

LICENCE_LIMIT = 1024 * 1024
"""Bytes of a licence file that nobody wanted but for the licence; the longest of SPDX's list has a tenth."""


def opened(source: GitHubSource, job: PrepareDataset, environment: Mapping[str, str], clock: Clock = REAL) -> Origin:
    """Return the files of `source`, all of them brought to the object store.

    A pod that was killed on the way is followed by one that goes on where it was. Raises BadConfig (BudgetExhausted,
    SearchRefused, AccessDenied), BadData (NoFiles, TooManyFiles), or SourceUnreachable after long patience. What
    GitHub refuses of one repository or file alone is left out.
    """
    token = environment.get(TOKEN)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    memory = Memory(source, job, clock.wall())
    web = Web("source.github", headers, source.plain_http, clock=clock)
    api = Api(source.api_url or GITHUB, web, memory, source.max_calls)
    read = repositories(api, source.search)
    wanted, refused = _wanted(api, source, read, licences=licence.asked_for(job.steps))
    log.info("%d files on GitHub", len(wanted))
    found, more = _brought(api, wanted)
    log.info("%d of them in the object store, after %d requests", len(found), memory.run.calls)
    refused |= more
    if not any(file.is_data and file.path in found for file in wanted):
        raise _nothing(refused)
    return Origin.of(
        found.values(),
        done=memory.ended,
        licences=stated(read),
        left_out=(Rejected(id, SOURCE_REFUSED, str(why)) for id, why in refused.items()),
    )


def stated(repositories: Iterable[Repository]) -> dict[str, str]:
    """Return the licences that GitHub has found in `repositories`, by the names of these, as SPDX calls them."""
    found = ((one.full_name, one.license) for one in repositories)
    return {name: said.spdx_id or licence.NOASSERTION for name, said in found if said is not None}


def _wanted(
    api: Api, source: GitHubSource, repositories: Iterable[Repository], *, licences: bool
) -> tuple[list[Wanted], dict[str, NotGiven]]:
    """Return the files that are wanted, and why some repositories are not given, by their names."""
    wanted, refused = list[Wanted](), dict[str, NotGiven]()
    for repository, found in each(api, repositories, partial(files, api, source, licences=licences)):
        if isinstance(found, NotGiven):
            refused[repository.full_name] = found
            continue
        wanted += found
        if len(wanted) > source.max_files and sum(file.is_data for file in wanted) > source.max_files:
            raise BadData(
                "TooManyFiles",
                f"source.github: more than {source.max_files} files match: raise maxFiles, or narrow search and "
                "include",
            )
    return wanted, refused


def _brought(api: Api, wanted: Iterable[Wanted]) -> tuple[dict[str, RawFile], dict[str, NotGiven]]:
    """Bring files to the object store; return them, and why some are not given, by their paths.

    A licence file that is not given is there all the same, and cannot be read: of what it speaks for, nobody here
    knows the licence, which is not that of a folder above.
    """
    found, refused = dict[str, RawFile](), dict[str, NotGiven]()
    for file, given in each(api, wanted, partial(_bring, api)):
        if isinstance(given, NotGiven):
            refused[file.path] = given
            if not file.is_data:
                found[file.path] = RawFile(file.path, partial(_unreadable, str(given)), file.sha)
        elif given:
            found[file.path] = RawFile(file.path, partial(_stream, api.memory, file), file.sha, f"git {file.sha}")
    return found, refused


def _bring(api: Api, file: Wanted) -> bool:
    """Bring a file to the object store, if it is not there; tell whether it is now."""
    if api.memory.has(file.sha):
        return True
    if not file.is_data and file.size > LICENCE_LIMIT:
        raise NotGiven(f"it has more than {LICENCE_LIMIT >> 20} MiB, so it is no licence that anybody reads")
    content = api.blob(f"/repos/{file.repository}/git/blobs/{file.sha}", lambda body: git_name(body) == file.sha)
    if content is None:
        log.warning("%s is gone", file.path)
        return False
    api.memory.put(file.sha, content)
    return True


def _nothing(refused: Mapping[str, NotGiven]) -> PodError:
    """Return why there is no file at all."""
    if not refused:
        return BadData(
            "NoFiles",
            "source.github: no file of the repositories that the search finds matches extensions, include and "
            "maxFileKibibytes: widen them, or the search",
        )
    passing = [(id, why) for id, why in refused.items() if isinstance(why, Unanswered)]
    id, why = (passing or list(refused.items()))[0]
    said = f"source.github: GitHub gives no file that is wanted, and {len(refused)} not, for example {id}: {why}"
    return SourceUnreachable("SourceUnreachable", said) if passing else BadConfig("AccessDenied", said)


def git_name(content: bytes) -> str:
    """Return the name that Git gives to `content`."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _stream(memory: Memory, file: Wanted) -> Iterator[bytes]:
    bucket, key = memory.place(file.sha)
    return bucket.stream(key)


def _unreadable(why: str) -> Iterator[bytes]:
    raise Refused(SOURCE_REFUSED, why)
    yield b""
