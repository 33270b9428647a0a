"""How do pods read and write the object store, and what do they say when it fails?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store
from pydantic import BaseModel, ValidationError

from slipway.contract.job import Store
from slipway_pod.errors import BadConfig, PodError, StoreUnreachable, shortened

Kept = TypeVar("Kept", bound=BaseModel)

CHUNK = 16 * 1024 * 1024
"""Bytes of one ranged read: what a transfer may hold in memory, and what a broken one repeats."""

PATIENCE = timedelta(seconds=60)
"""How long a request is tried again before the pod gives up and the Job's own backoff takes over."""


@dataclass(frozen=True)
class Stored:
    """An object, its size in bytes, and when it was last written."""

    key: str
    bytes: int
    modified: datetime
    etag: str = ""
    """What the store calls this content; empty where it has no word for it."""

    @property
    def identity(self) -> str:
        """What changes when the object is written anew."""
        return f"{self.bytes} {self.etag or self.modified.isoformat()}"


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`."""
    match = re.fullmatch(r"s3://([^/]+)/(.*)", uri)
    if match is None:
        raise BadConfig("BadUri", f"{uri!r} is no address of the object store: write s3://bucket/path")
    return match[1], match[2]


class Bucket:
    """One bucket of an object store. Every fault comes out as a PodError that names endpoint, bucket and object."""

    def __init__(self, backend: Any, name: str, endpoint: str) -> None:
        self._backend = backend
        self.name = name
        self.endpoint = endpoint

    def uri(self, key: str) -> str:
        """Return the address of an object."""
        return f"s3://{self.name}/{key}"

    def list(self, prefix: str) -> Iterator[Stored]:
        """Yield the objects below `prefix`, in the order of the store."""
        with self._speaking(prefix):
            for page in obstore.list(self._backend, prefix=prefix or None):
                for found in page:
                    yield _stored(found)

    def size(self, key: str) -> int:
        """Return the size of an object in bytes."""
        with self._speaking(key):
            return int(obstore.head(self._backend, key)["size"])

    def exists(self, key: str) -> bool:
        """Tell whether an object is there."""
        return self.find(key) is not None

    def find(self, key: str) -> Stored | None:
        """Return an object's size and time, or None where it is not there."""
        with self._speaking(key):
            try:
                found = obstore.head(self._backend, key)
            except FileNotFoundError:
                return None
        return _stored(found)

    def read(self, key: str) -> bytes:
        """Return a small object."""
        with self._speaking(key):
            return bytes(obstore.get(self._backend, key).bytes())

    def kept(self, key: str, kind: type[Kept]) -> Kept | None:
        """Return what was kept as JSON under `key`; None where nothing is, or what another version kept."""
        try:
            return kind.model_validate_json(self.read(key))
        except ValidationError:
            return None
        except PodError as error:
            if error.reason != "NoSuchObject":
                raise
            return None

    def stream(
        self, key: str, size: int | None = None, told: Callable[[Stored], object] = lambda _: None
    ) -> Iterator[bytes]:
        """Yield an object piece by piece; a broken connection repeats one piece only.

        Of each piece, `told` is told what the object is at that moment: one that is written anew has pieces of both.
        """
        total = self.size(key) if size is None else size
        for start in range(0, total, CHUNK):
            with self._speaking(key):
                found = obstore.get(self._backend, key, options={"range": (start, min(start + CHUNK, total))})
                piece = bytes(found.bytes())
            told(_stored(found.meta))
            yield piece

    def beginning(self, key: str, size: int) -> bytes:
        """Return the first `size` bytes of an object, all of it where it has no more."""
        if size == 0:
            return b""
        with self._speaking(key):
            return bytes(obstore.get_range(self._backend, key, start=0, end=size))

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, in parts where it is large; readers see all of it or nothing."""
        with self._speaking(key):
            obstore.put(self._backend, key, content)

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error."""
        with self._speaking(key):
            try:
                obstore.delete(self._backend, key)
            except FileNotFoundError:
                return

    @contextmanager
    def _speaking(self, key: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise _explained(error, self.endpoint, self.name, key) from error


def _stored(found: Any) -> Stored:
    return Stored(found["path"], found["size"], found["last_modified"], found["e_tag"] or "")


def open_store(store: Store, bucket: str | None = None, *, patience: timedelta = PATIENCE) -> Bucket:
    """Return `bucket` (absent: the store's own) at the store's endpoint.

    The endpoint `file:///folder` means folders on this machine, one per bucket, for work without a cluster.
    """
    name = bucket or store.bucket
    if store.endpoint.startswith("file://"):
        folder = Path(store.endpoint.removeprefix("file://")) / name
        if not folder.is_dir():
            raise BadConfig("NoSuchBucket", f"bucket {name}: folder {folder} does not exist: create it")
        return Bucket(LocalStore(folder), name, store.endpoint)
    options: dict[str, Any] = {"endpoint": store.endpoint} if store.endpoint else {}
    backend = S3Store(
        name,
        region=store.region,
        virtual_hosted_style_request=False,
        client_options={
            "allow_http": store.endpoint.startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=120),
        },
        retry_config={
            # Jitter makes twenty retries last from 5 to 60 seconds: patience alone is the bound.
            "max_retries": 10_000,
            "retry_timeout": patience,
            "backoff": {
                "init_backoff": timedelta(milliseconds=200),
                "max_backoff": timedelta(seconds=10),
                "base": 2,
            },
        },
        **options,
    )
    return Bucket(backend, name, store.endpoint or f"AWS S3 in {store.region}")


def open_uri(store: Store, uri: str, *, patience: timedelta = PATIENCE) -> tuple[Bucket, str]:
    """Return the bucket and the key that `uri` names."""
    bucket, key = split_uri(uri)
    return open_store(store, bucket, patience=patience), key


def _explained(error: Exception, endpoint: str, bucket: str, key: str) -> PodError:
    """Return what a fault of the client means for a person."""
    # obstore has one class for most faults; the S3 error code in its text is what tells them apart.
    said = str(error).split("\n\nDebug source:", maxsplit=1)[0]
    where = f"object store {endpoint}, bucket {bucket}"
    if "NoSuchBucket" in said:
        return BadConfig("NoSuchBucket", f"{where}: the bucket does not exist: create it, or correct the address")
    if isinstance(error, FileNotFoundError):
        return BadConfig("NoSuchObject", f"{where}: s3://{bucket}/{key} does not exist: upload it or correct the uri")
    if "169.254.169.254" in said:
        return BadConfig(
            "StoreCredentialsMissing",
            f"{where}: no credentials: put accessKeyId and secretAccessKey into the store's Secret",
        )
    if isinstance(error, PermissionError) or re.search(r"\b40[13] (Forbidden|Unauthorized)|lacked the necessary", said):
        code = re.search(r"<Code>(\w+)</Code>", said)
        return BadConfig(
            "StoreForbidden",
            f"{where}: access to {key!r} is refused ({code[1] if code else 'forbidden'}): correct the keys in the "
            "store's Secret, or allow them to read and write this bucket",
        )
    if match := re.search(r"status code: (4(?!08|29)\d\d .*)", said, re.DOTALL):
        return BadConfig("StoreRefused", f"{where}: the request for {key!r} is refused: {shortened(match[1], 300)}")
    return StoreUnreachable("StoreUnreachable", f"{where}: no answer for {key!r}: {shortened(said, 400)}")
