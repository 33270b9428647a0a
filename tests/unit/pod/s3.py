"""An object store that speaks S3 by HTTP, its buckets folders of this machine; it may be away for some requests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from slipway.contract.job import Store
from tests.unit.data.webserver import Answer, Asked, serving

Away = Callable[[str], bool]
"""Whether the store is away for a request, as `PUT bucket/key`."""


@dataclass
class Objects:
    """What lies below the folder `root`."""

    root: Path
    away: Away = lambda _: False

    def __call__(self, asked: Asked) -> Answer:
        where = urlsplit(asked.path)
        path = unquote(where.path).strip("/")
        if self.away(f"{asked.method} {path}"):
            return Answer(503)
        if "list-type" in where.query:
            return self._list(path, parse_qs(where.query).get("prefix", [""])[0])
        if asked.method == "POST" and where.query == "delete":
            return self._delete(path, asked.body.decode())
        return self._one(asked, self.root / path)

    def _one(self, asked: Asked, file: Path) -> Answer:
        headed = {name.lower(): value for name, value in asked.headers.items()}
        if asked.method == "PUT":
            if len(asked.body) != int(headed["content-length"]):
                return Answer(400)  # whoever wrote it was killed amid it
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(asked.body)
            return Answer(200, headers={"ETag": _etag(asked.body)})
        if not file.is_file():
            return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>" if asked.method == "GET" else b"")
        content = file.read_bytes()
        headers = {"ETag": _etag(content), "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True)}
        if asked.method == "HEAD":
            return Answer(200, headers=headers, announced=len(content))
        span = re.fullmatch(r"bytes=(\d+)-(\d+)", headed.get("range", ""))
        if span is None:
            return Answer(200, content, headers)
        first, last = int(span[1]), min(int(span[2]), len(content) - 1)
        return Answer(
            206, content[first : last + 1], headers | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        )

    def _delete(self, bucket: str, told: str) -> Answer:
        keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", told)]
        for key in keys:
            (self.root / bucket / key).unlink(missing_ok=True)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return Answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def _list(self, bucket: str, prefix: str) -> Answer:
        files = sorted(path for path in (self.root / bucket).rglob("*") if path.is_file())
        found = {str(path.relative_to(self.root / bucket)): path for path in files}
        parts = [
            f"<Contents><Key>{escape(key)}</Key><Size>{path.stat().st_size}</Size>"
            f"<LastModified>2026-11-21T07:28:00.000Z</LastModified><ETag>{_etag(path.read_bytes())}</ETag></Contents>"
            for key, path in found.items()
            if key.startswith(prefix)
        ]
        return Answer(200, f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode())


@contextmanager
def served(objects: Objects) -> Iterator[Store]:
    """Serve `objects` and lend the store that they are, bucket `slipway`. Keys are up to the caller."""
    with serving(objects) as address:
        yield Store(endpoint=address, bucket="slipway")


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
