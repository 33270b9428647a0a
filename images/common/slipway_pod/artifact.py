"""How does a folder become an artefact in the object store, and how does it come back unharmed?"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import ValidationError

from slipway.api.common import ArtifactRef, ArtifactStatus
from slipway.contract.artifact import MANIFEST, ArtifactFile, ArtifactManifest, digest
from slipway.contract.job import Store
from slipway_pod.errors import BadConfig, DigestMismatch
from slipway_pod.store import CHUNK, Bucket, open_uri

log = logging.getLogger("slipway")

STAGING = ".fetching"
TRANSFERS = 4
T = TypeVar("T")
Record = Callable[[str, tuple[ArtifactFile, ...]], None]
"""Takes the address of an artefact and its files."""


def describe(path: Path) -> tuple[ArtifactFile, ...]:
    """Return path, sha256 and size of every file of folder `path` (or of the one file), sorted by path."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    root = path.parent if path.is_file() else path
    named = ((p, p.relative_to(root).as_posix()) for p in files)
    return tuple(
        ArtifactFile(path=name, sha256=_hashed(_pieces(p)), bytes=p.stat().st_size)
        for p, name in sorted(named, key=lambda pair: pair[1])
        if name != MANIFEST
    )


def described(folder: Path, names: Collection[str]) -> tuple[ArtifactFile, ...]:
    """Return those of `names` that folder `folder` has itself, as `describe` does; others are not read."""
    return tuple(file for name in sorted(names) if (folder / name).is_file() for file in describe(folder / name))


def publish(folder: Path, prefix_uri: str, store: Store, record: Record | None = None) -> ArtifactStatus:
    """Upload `folder` to `prefix_uri/<digest>/` and return where it lies.

    Files first, the manifest last: an artefact with a manifest is complete. One that is already there is left alone.
    `record` writes what belongs beside the artefact, and before it: who finds the artefact finds that too.
    """
    files = describe(folder)
    name = digest(files)
    uri = f"{prefix_uri.rstrip('/')}/{name.removeprefix('sha256:')}/"
    if record is not None:
        record(uri, files)
    return _upload(folder, files, uri, store)


def publish_at(path: Path, uri: str, store: Store) -> ArtifactStatus:
    """Upload folder (or file) `path` to the folder `uri` itself and return where it lies."""
    return _upload(path, describe(path), uri.rstrip("/") + "/", store)


def fetch(ref: ArtifactRef, target: Path, store: Store, *, without: str | None = None) -> None:
    """Bring artefact `ref` into folder `target`; raise DigestMismatch when its bytes are not what `ref` names.

    Every file is hashed while it streams and gets its final name only after the whole artefact has proven right. What
    lies in its folder `without` stays where it is, unless it must be read to know the artefact's digest.
    """
    bucket, prefix = open_uri(store, ref.uri)
    target.mkdir(parents=True, exist_ok=True)
    staging = target / STAGING
    shutil.rmtree(staging, ignore_errors=True)

    def bring(file: ArtifactFile) -> ArtifactFile:
        if file.sha256 and without is not None and file.path.startswith(f"{without}/"):
            return file
        final = target / file.path
        if file.sha256 and final.is_file() and final.stat().st_size == file.bytes:
            there = _hashed(_pieces(final))
            if there == file.sha256:
                return file
        return _download(bucket, _key(prefix, file), file, staging / file.path)

    try:
        files = _check(ref, bucket, prefix, bring)
        for file in files:
            if (staged := staging / file.path).exists():
                (target / file.path).parent.mkdir(parents=True, exist_ok=True)
                staged.replace(target / file.path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    log.info("fetched %s: %d files, %d bytes", ref.uri, len(files), sum(f.bytes for f in files))


def listed(ref: ArtifactRef, store: Store) -> tuple[ArtifactFile, ...]:
    """Return the files of a published artefact; raise DigestMismatch when its list is not what `ref` names.

    Of the files themselves nothing is proven yet: see `checked`.
    """
    bucket, prefix = open_uri(store, ref.uri)
    files = _manifest(bucket, prefix)
    if files is None:
        said = f"{ref.uri} has no {MANIFEST}: it was removed, or never published; make it again"
        raise BadConfig("NoSuchArtifact", said)
    _must_be(ref, files)
    return files


def checked(ref: ArtifactRef, file: ArtifactFile, store: Store) -> Iterator[bytes]:
    """Yield one file of artefact `ref` piece by piece; raise DigestMismatch after the last where they are not `file`.

    Whoever uses a piece before the end uses what may turn out to be something else.
    """
    bucket, prefix = open_uri(store, ref.uri)
    key, state = _key(prefix, file), hashlib.sha256()
    for piece in bucket.stream(key, file.bytes):
        state.update(piece)
        yield piece
    if (found := state.hexdigest()) != file.sha256:
        raise _other_bytes(bucket.uri(key), found, file.sha256)


def verify(ref: ArtifactRef, store: Store) -> int:
    """Read artefact `ref` whole, keep nothing, and return its bytes; raise DigestMismatch like `fetch`."""
    return sum(file.bytes for file in inspect(ref, store))


def inspect(ref: ArtifactRef, store: Store) -> tuple[ArtifactFile, ...]:
    """Read artefact `ref` whole, keep nothing, and return its files; raise DigestMismatch like `fetch`."""
    bucket, prefix = open_uri(store, ref.uri)
    return _check(ref, bucket, prefix, lambda file: _download(bucket, _key(prefix, file), file, None))


def outline(ref: ArtifactRef, store: Store) -> tuple[ArtifactFile, ...]:
    """Return the files that the store lists for artefact `ref`, unread; without a manifest, sha256 is empty."""
    bucket, prefix = open_uri(store, ref.uri)
    files = _manifest(bucket, prefix)
    return files if files is not None else _listed(bucket, prefix)


def require_inside(ref: ArtifactRef, files: Iterable[ArtifactFile]) -> None:
    """Raise BadConfig where a path of `files` leads out of the folder that artefact `ref` is brought to."""
    for file in files:
        if ".." in PurePosixPath(file.path).parts:
            raise BadConfig("BadManifest", f"{ref.uri}: path {file.path!r} leaves the artefact: publish it again")


def _check(
    ref: ArtifactRef, bucket: Bucket, prefix: str, bring: Callable[[ArtifactFile], ArtifactFile]
) -> tuple[ArtifactFile, ...]:
    """Return the files of `ref` after `bring` got each, and both each file and the whole proved right."""
    files = _manifest(bucket, prefix)
    if files is not None:
        _must_be(ref, files)
    wanted = files if files is not None else _listed(bucket, prefix)
    require_inside(ref, wanted)
    found = _parallel(bring, wanted)
    if digest(found) != ref.digest:
        raise DigestMismatch(
            "DigestMismatch", f"the files below {ref.uri} are {digest(found)}, the spec says {ref.digest}"
        )
    return found


def _upload(path: Path, files: tuple[ArtifactFile, ...], uri: str, store: Store) -> ArtifactStatus:
    if not files:
        raise BadConfig("NothingToPublish", f"{path} holds no files")
    bucket, prefix = open_uri(store, uri)
    name = digest(files)
    status = ArtifactStatus(uri=uri, digest=name, bytes=sum(f.bytes for f in files))
    there = _manifest(bucket, prefix)
    if there is not None and digest(there) == name:
        log.info("%s is already published", uri)
        return status
    if there is not None:
        # What stands there is about to change: without a manifest nobody takes the mixture for an artefact.
        bucket.delete(prefix + MANIFEST)
    root = path.parent if path.is_file() else path
    _parallel(lambda file: bucket.put(prefix + file.path, root / file.path), files)
    manifest = ArtifactManifest(files=files).model_dump_json(by_alias=True)
    bucket.put(prefix + MANIFEST, manifest.encode())
    log.info("published %s: %d files, %d bytes", uri, len(files), status.bytes)
    return status


def _manifest(bucket: Bucket, prefix: str) -> tuple[ArtifactFile, ...] | None:
    """Return the files that a folder's manifest lists, or None for a folder without one and for a single file."""
    if not _is_folder(prefix) or not bucket.exists(prefix + MANIFEST):
        return None
    try:
        return ArtifactManifest.model_validate_json(bucket.read(prefix + MANIFEST)).files
    except ValidationError as error:
        raise BadConfig(
            "BadManifest", f"{bucket.uri(prefix + MANIFEST)} is no manifest of an artefact: publish it again"
        ) from error


def _listed(bucket: Bucket, prefix: str) -> tuple[ArtifactFile, ...]:
    """Return the objects below `prefix`, their sha256 not known yet (empty)."""
    if not _is_folder(prefix):
        name = prefix.rpartition("/")[2]
        return (ArtifactFile.model_construct(path=name, sha256="", bytes=bucket.size(prefix)),)
    found = tuple(
        ArtifactFile.model_construct(path=o.key.removeprefix(prefix), sha256="", bytes=o.bytes)
        for o in bucket.list(prefix)
    )
    if not found:
        raise BadConfig("NoSuchArtifact", f"nothing lies at {bucket.uri(prefix)}: upload it or correct the uri")
    return found


def _download(bucket: Bucket, key: str, file: ArtifactFile, path: Path | None) -> ArtifactFile:
    """Stream one object into `path` (None: nowhere) and return it with its sha256, compared where one is known."""
    pieces = bucket.stream(key, file.bytes)
    if path is None:
        found = _hashed(pieces)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            found = _hashed(_copied(pieces, out.write))
    if file.sha256 and found != file.sha256:
        raise _other_bytes(bucket.uri(key), found, file.sha256)
    return ArtifactFile(path=file.path, sha256=found, bytes=file.bytes)


def _must_be(ref: ArtifactRef, files: tuple[ArtifactFile, ...]) -> None:
    if digest(files) != ref.digest:
        raise DigestMismatch(
            "DigestMismatch",
            f"{ref.uri} is {digest(files)}, the spec says {ref.digest}: name the digest of what lies there, or "
            "restore what the digest means",
        )


def _other_bytes(uri: str, found: str, wanted: str) -> DigestMismatch:
    return DigestMismatch("DigestMismatch", f"{uri} has sha256 {found}, its manifest says {wanted}: publish it again")


def _is_folder(prefix: str) -> bool:
    return prefix == "" or prefix.endswith("/")


def _key(prefix: str, file: ArtifactFile) -> str:
    return prefix + file.path if _is_folder(prefix) else prefix


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while piece := opened.read(CHUNK):
            yield piece


def _copied(pieces: Iterable[bytes], write: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in pieces:
        write(piece)
        yield piece


def _hashed(pieces: Iterable[bytes]) -> str:
    state = hashlib.sha256()
    for piece in pieces:
        state.update(piece)
    return state.hexdigest()


def _parallel(action: Callable[[ArtifactFile], T], files: Iterable[ArtifactFile]) -> tuple[T, ...]:
    with ThreadPoolExecutor(TRANSFERS) as pool:
        return tuple(pool.map(action, files))
