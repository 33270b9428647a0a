"""Which files does one commit of a Git repository have?"""

from __future__ import annotations

import logging
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from functools import partial

from dulwich.object_store import iter_tree_contents
from dulwich.repo import Repo

from slipway.api.dataset_source import GitSource
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import UNREADABLE_FILE
from slipway_data.sources.git_fetch import MIB, fetch, head
from slipway_data.sources.globs import matcher
from slipway_data.sources.origin import Origin
from slipway_data.sources.web import REAL, Clock, Web, shown
from slipway_pod.errors import BadData

log = logging.getLogger("slipway")

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def opened(source: GitSource, environment: Mapping[str, str], clock: Clock = REAL) -> Origin:
    """Return the files of `source`, and the commit that they are from.

    Links and submodules are no files. Raises BadData or BadConfig (RevisionNotFound, NoFiles, TooLarge, AccessDenied,
    NotFound, NotARepository, Moved), or SourceUnreachable after long patience.
    """
    web = Web("source.git", plain=source.plain_http, clock=clock)
    copy = web.patiently(source.url, lambda: Copy(source, environment, web))
    log.info("%s: %s is commit %s", shown(source.url), source.revision, copy.commit.decode())
    return Origin.of(_files(source, copy), copy.commit.decode())


def named(source: GitSource, environment: Mapping[str, str], clock: Clock = REAL) -> str:
    """Return the commit that the revision of `source` names now, without bringing it here. Raises as `opened` does."""
    web = Web("source.git", plain=source.plain_http, clock=clock)
    return web.patiently(source.url, lambda: head(source, environment, web)).decode()


class Copy:
    """A repository in scratch space that has one commit. It goes with its last reader."""

    def __init__(self, source: GitSource, environment: Mapping[str, str], web: Web) -> None:
        folder = tempfile.mkdtemp(prefix="git-")
        self.repo = Repo.init_bare(folder)
        weakref.finalize(self, _discard, self.repo, folder)
        self.commit = fetch(source, environment, web, self.repo)

    def read(self, source: GitSource, path: str, blob: bytes) -> Iterator[bytes]:
        """Yield the content of a file; raise BadData when it is too large, Refused when it lies elsewhere."""
        content: bytes = self.repo.object_store[blob].data
        if len(content) > source.max_file_mebibytes * MIB:
            raise _too_large(source, path)
        if content.startswith(LFS_POINTER):
            cure = "put such files into the object store, or leave them out by source.git.include"
            raise Refused(UNREADABLE_FILE, f"it is kept in Git LFS, which is not read: {cure}")
        yield content


def _discard(repo: Repo, folder: str) -> None:
    repo.close()
    shutil.rmtree(folder, ignore_errors=True)


def _files(source: GitSource, copy: Copy) -> Iterator[RawFile]:
    wanted, count = matcher(source.include), 0
    store = copy.repo.object_store
    for entry in iter_tree_contents(store, store[copy.commit].tree):
        path = entry.path.decode(errors="backslashreplace")
        if not stat.S_ISREG(entry.mode) or not wanted.fullmatch(path):
            continue
        if entry.sha not in store:
            raise _too_large(source, path)
        count += 1
        blob = entry.sha.decode()
        # With its bound: a file that has become too large must be refused again.
        content = f"git {blob} {source.max_file_mebibytes}"
        yield RawFile(path, partial(copy.read, source, path, entry.sha), blob, content)
    if not count:
        raise BadData(
            "NoFiles",
            f"source.git: no file of {shown(source.url)} at {source.revision} matches {', '.join(source.include)}: "
            "correct revision and include",
        )


def _too_large(source: GitSource, path: str) -> BadData:
    return BadData(
        "TooLarge",
        f"source.git: {path} is larger than {source.max_file_mebibytes} MiB: raise source.git.maxFileMebibytes, or "
        "leave it out by include",
    )
