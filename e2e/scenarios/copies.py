"""What is done to copies of a trained artefact, and in which words is each refused then?"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from e2e.scenarios.by_hand import BUCKET, key_of
from slipway.contract.model import ADAPTER_GGUF
from slipway.contract.signature import SIGNATURE, beside

PREFIX: Final = "slipway/"
"""Of Slipway's objects in its bucket; names of things in the collector's reports go without it."""
MODELS, CHECKPOINTS, GARBAGE = f"{PREFIX}models/", f"{PREFIX}checkpoints/", f"{PREFIX}garbage/"
_SIGN: Final = r"sign it with `python -m slipway_pod\.sign URI DIGEST --key key\.pem`"


@dataclass(frozen=True)
class Copy:
    """A copy of an artefact, with a digest of its own, and the name of the ModelVersion that names it."""

    name: str
    uri: str
    digest: str

    @property
    def thing(self) -> str:
        """What the collector calls it."""
        return thing(self.uri)

    @property
    def weights(self) -> str:
        """The key of the file that llama.cpp serves."""
        return key_of(self.uri) + ADAPTER_GGUF

    @property
    def signature(self) -> str:
        """The key of its signature."""
        return key_of(beside(self.uri, SIGNATURE))


def place(digest: str) -> str:
    """Return the address at which a run publishes an artefact of that digest."""
    return f"s3://{BUCKET}/{MODELS}{digest.removeprefix('sha256:')}/"


def thing(uri: str) -> str:
    """Return what the collector calls the artefact, or the run's checkpoints, at `uri`."""
    return key_of(uri).removeprefix(PREFIX).rstrip("/")


def parts(keys: set[str], *things: str) -> set[str]:
    """Return those of `keys` that belong to one of `things`, what lies beside it included."""
    begins = tuple(f"{PREFIX}{name}{mark}" for name in things for mark in ("/", "."))
    return {key for key in keys if key.startswith(begins)}


def without_a_bit(content: bytes) -> bytes:
    """Return `content` with one bit of the byte in its middle turned over."""
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def without_a_letter(content: bytes) -> bytes:
    """Return a signature with one letter of what it signs exchanged for another of base64."""
    at = content.index(b'"payload":"') + 60
    return content[:at] + (b"B" if content[at : at + 1] == b"A" else b"A") + content[at + 1 :]


@dataclass(frozen=True)
class Refusal:
    """Why a copy is refused: the reason, and what matches the words."""

    reason: str
    words: str


def weights_changed(copy: Copy) -> Refusal:
    """Return how a copy is refused whose weights were changed."""
    hashed = "[0-9a-f]{64}"
    file = re.escape(f"s3://{BUCKET}/{copy.weights}")
    return Refusal("DigestMismatch", f"{file} has sha256 {hashed}, its manifest says {hashed}: publish it again")


def signature_changed(copy: Copy) -> Refusal:
    """Return how a copy is refused whose signature was changed."""
    file = re.escape(f"s3://{BUCKET}/{copy.signature}")
    return Refusal("SignatureInvalid", rf"{file} was altered after it was signed with key \S+: sign the artefact again")


def not_signed(copy: Copy) -> Refusal:
    """Return how a copy is refused that was never signed."""
    file = re.escape(f"s3://{BUCKET}/{copy.signature}")
    return Refusal("SignatureMissing", rf"is not signed \({file} is not there\), and signatures are required: {_SIGN}")


@dataclass(frozen=True)
class Alteration:
    """What somebody does who can write to the store: which object of a copy, how, and how it is refused then."""

    key: Callable[[Copy], str]
    change: Callable[[bytes], bytes]
    refusal: Callable[[Copy], Refusal]


WEIGHTS, SEAL, BARE = "lost-a-bit", "lost-a-letter", "never-signed"
ALTERATIONS: Final[Mapping[str, Alteration]] = {
    WEIGHTS: Alteration(lambda copy: copy.weights, without_a_bit, weights_changed),
    SEAL: Alteration(lambda copy: copy.signature, without_a_letter, signature_changed),
}
