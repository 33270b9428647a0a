"""How does one commit of a Git repository come to this pod?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from dulwich.client import HttpGitClient
from dulwich.errors import GitProtocolError, HangupException
from dulwich.objects import Tag
from dulwich.protocol import PEELED_TAG_SUFFIX
from dulwich.repo import Repo
from urllib3.exceptions import HTTPError

from slipway.api.dataset_source import GitSource
from slipway.contract.source import PASSWORD, TOKEN, USERNAME
from slipway_data.sources.git_pool import Pool
from slipway_data.sources.web import Passing, Web, shown
from slipway_pod.errors import BadData, shortened

MIB = 1024 * 1024
COMMIT = re.compile(r"[0-9a-f]{40}")
NOT_THERE = "not our ref"
"""What servers say of a commit that they do not have, or do not show."""
TOKEN_USER = "x-access-token"
"""Who comes with a token: GitHub wants this name, GitLab and Gitea take any."""


def fetch(source: GitSource, environment: Mapping[str, str], web: Web, repo: Repo) -> bytes:
    """Bring the commit that `source` means into the empty `repo` and return its name, 40 hexadecimal digits.

    Files above maxFileMebibytes stay away where the server knows how to leave them out.
    """
    client, pool = _client(source, environment, web)
    found: list[bytes] = []

    def wants(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
        found[:] = [resolved(source, refs)]
        return found

    pack, commit, abort = repo.object_store.add_pack()
    try:
        with _speaking(source, web, pool):
            result = client.fetch_pack(
                "",
                wants,
                repo.get_graph_walker(),
                partial(_bounded, source, pack),
                depth=1,
                ref_prefix=_prefixes(source.revision),
                filter_spec=f"blob:limit={source.max_file_mebibytes * MIB + 1}".encode(),
            )
        if result.object_format not in (None, "sha1"):
            said = f"source.git: {shown(source.url)} names its objects by {result.object_format}, which is not read"
            raise BadData("GitRefused", f"{said}: give a copy of it that uses sha1")
    except BaseException:
        abort()
        raise
    commit()
    if found[0] not in repo.object_store:
        raise _unknown(source)
    return _peeled(repo, found[0])


def head(source: GitSource, environment: Mapping[str, str], web: Web) -> bytes:
    """Return the commit that the revision of `source` names, as the server lists it."""
    client, pool = _client(source, environment, web)
    with _speaking(source, web, pool):
        listed = client.get_refs("", ref_prefix=_prefixes(source.revision)).refs
    refs: dict[bytes, bytes] = {name: id for name, id in listed.items() if id}
    # A tag may be an object of its own; what it leads to is listed beside it.
    leads = {name.removesuffix(PEELED_TAG_SUFFIX): id for name, id in refs.items() if name.endswith(PEELED_TAG_SUFFIX)}
    return resolved(source, refs | leads)


def _client(source: GitSource, environment: Mapping[str, str], web: Web) -> tuple[HttpGitClient, Pool]:
    username, password = environment.get(USERNAME), environment.get(PASSWORD)
    if TOKEN in environment:
        username, password = TOKEN_USER, environment[TOKEN]
    # Thin packs lean on objects that an empty repository does not have.
    pool = Pool(source.url, web)
    client = HttpGitClient(source.url, thin_packs=False, pool_manager=pool, username=username, password=password)
    return client, pool


def resolved(source: GitSource, refs: Mapping[bytes, bytes]) -> bytes:
    """Return the object that the revision means among `refs`: as in git, a tag comes before a branch of its name."""
    wanted = source.revision
    for name in _prefixes(wanted):
        if name in refs:
            return refs[name]
    if COMMIT.fullmatch(wanted):
        return wanted.encode()
    raise _unknown(source)


def _prefixes(revision: str) -> list[bytes]:
    """Return the refs that `revision` may mean, in the order of preference; a server need not list any other."""
    if revision == "HEAD" or revision.startswith("refs/"):
        return [revision.encode()]
    return [f"refs/tags/{revision}".encode(), f"refs/heads/{revision}".encode()]


def _peeled(repo: Repo, name: bytes) -> bytes:
    found = repo.object_store[name]
    while isinstance(found, Tag):
        found = repo.object_store[found.object[1]]
    return bytes(found.id)


def _bounded(source: GitSource, pack: Any, piece: bytes) -> int:
    if pack.tell() + len(piece) > source.max_mebibytes * MIB:
        raise BadData(
            "TooLarge",
            f"source.git: one commit of {shown(source.url)} is larger than {source.max_mebibytes} MiB: raise "
            "source.git.maxMebibytes, or lower maxFileMebibytes so that large files stay away",
        )
    return int(pack.write(piece))


def _unknown(source: GitSource) -> BadData:
    return BadData(
        "RevisionNotFound",
        f"source.git.revision: {shown(source.url)} has no {source.revision}: write a branch, a tag, or all 40 digits "
        "of a commit that a branch or tag leads to",
    )


@contextmanager
def _speaking(source: GitSource, web: Web, pool: Pool) -> Iterator[None]:
    """Raise what a fault of the protocol means."""
    try:
        with web.speaking(source.url):
            yield
    except GitProtocolError as error:
        if isinstance(error.__cause__, HTTPError):
            with web.speaking(source.url):
                raise error.__cause__ from error
        said = pool.complaint or str(error)
        if NOT_THERE in said:
            raise _unknown(source) from error
        if isinstance(error, HangupException) and not pool.complaint:
            raise Passing("broke the connection off") from error
        where = f"source.git: {shown(source.url)}"
        raise BadData("GitRefused", f"{where} cannot be fetched: {shortened(said, 200)}") from error
