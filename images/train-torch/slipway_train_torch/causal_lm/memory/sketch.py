"""How does a model come to a folder where only its description is needed?

Small files whole; of weights the header, in a file as long as the real one whose rest was never written and takes no
room. So whatever reads a model's description there finds what it would find in the model itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from safetensors import SafetensorError, safe_open

from slipway.api.common import ArtifactRef
from slipway.contract.artifact import ArtifactFile
from slipway.contract.job import Store
from slipway_pod.artifact import checked, listed, outline, require_inside
from slipway_pod.errors import BadConfig
from slipway_pod.store import Bucket, open_uri
from slipway_train_torch.gguf.reading import PlainReader

log = logging.getLogger("slipway")

SMALL = 64 * 2**20
"""Bytes up to which a file is brought whole; tokenizers have up to 40 MB."""
FIRST = 2**20
"""Bytes that are read of weights at first; more where their header is longer."""
LONGEST_HEADER = 256 * 2**20
"""No header of a real model is as long; safetensors itself reads none above 100 MB."""


def sketch(ref: ArtifactRef, target: Path, store: Store) -> None:
    """Bring the description of model `ref` into folder `target`.

    Where the artefact has a manifest, that must be the one that `ref` names, and small files must be what it says;
    else nothing can be proven before all of it is read, which the run itself does.

    Raises BadConfig where a safetensors file is cut or is none.
    """
    bucket, prefix = open_uri(store, ref.uri)
    files = found(ref, store)
    for file in files:
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        key = prefix + file.path if prefix == "" or prefix.endswith("/") else prefix
        if file.path.endswith(".safetensors"):
            header(bucket, key, file, path, _is_safetensors)
            _require_whole(path, bucket.uri(key))
        elif file.path.endswith(".gguf"):
            header(bucket, key, file, path, _is_gguf)
        elif file.bytes <= SMALL:
            bring(ref, file, path, store, bucket, key)
        else:
            header(bucket, key, file, path, lambda *_: True)
    log.info("sketched %s: %d files", ref.uri, len(files))


def found(ref: ArtifactRef, store: Store) -> tuple[ArtifactFile, ...]:
    """Return the files of `ref`; raise DigestMismatch when a manifest says otherwise than its digest."""
    files = outline(ref, store)
    require_inside(ref, files)
    return listed(ref, store) if files and all(file.sha256 for file in files) else files


def bring(ref: ArtifactRef, file: ArtifactFile, path: Path, store: Store, bucket: Bucket, key: str) -> None:
    """Bring one file of `ref` whole to `path`, checked where its digest is known."""
    pieces: Iterable[bytes] = checked(ref, file, store) if file.sha256 else bucket.stream(key, file.bytes)
    with path.open("wb") as out:
        out.writelines(pieces)


def header(bucket: Bucket, key: str, file: ArtifactFile, path: Path, suffices: Callable[[Path, int], bool]) -> None:
    """Write the beginning of an object to `path`, as much as `suffices`, and make the file as long as the object."""
    size = min(FIRST, file.bytes)
    while True:
        with path.open("wb") as out:
            out.write(bucket.beginning(key, size))
            out.truncate(file.bytes)
        if size == file.bytes or size >= LONGEST_HEADER or suffices(path, size):
            return
        size = min(8 * size, file.bytes)


def _is_safetensors(path: Path, size: int) -> bool:
    """Tell whether the first `size` bytes of `path` have all of the header: its length stands before it."""
    with path.open("rb") as opened:
        return 8 + int.from_bytes(opened.read(8), "little") <= size


def _is_gguf(path: Path, size: int) -> bool:
    """Tell the same of a GGUF file, whose header ends where it ends: beyond what was written there are zeros."""
    try:
        return int(PlainReader(path).data_offset) <= size
    except Exception:  # whatever zeros are taken for
        return False


def _require_whole(path: Path, uri: str) -> None:
    """Raise BadConfig where `path` is not what a safetensors file says of itself: its header, and its length."""
    try:
        with safe_open(path, framework="pt") as _:
            return
    except (SafetensorError, OSError, ValueError) as error:
        said = f"{uri} is no whole file of safetensors: {error}: upload it again"
        raise BadConfig("BaseModelUnreadable", said) from error
