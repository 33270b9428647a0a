"""Do pods refuse a spoilt copy in the words that the test on a cluster waits for, wherever they are shown?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from e2e.scenarios.copies import ALTERATIONS, BARE, MODELS, Alteration, Copy, not_signed, parts, place, thing
from slipway.api.common import ArtifactRef
from slipway.contract.artifact import digest
from slipway.contract.model import ADAPTER_GGUF
from slipway.rollout.pods import LAST_WORDS
from slipway_pod import artifact, fetch, sign, verify
from slipway_pod.errors import PodError
from tests.unit.pod.signing import Ground, new_key

KEY = new_key()


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    made = Ground.at(tmp_path, monkeypatch)
    (tmp_path / "store" / "slipway").mkdir()
    made.sign_with(KEY)
    made.trust(e2e=KEY)
    return made


def copied(ground: Ground, *, signed: bool) -> Copy:
    """Publish a copy where a run would, and sign it by hand."""
    folder = ground.folder / "copied"
    folder.mkdir()
    (folder / ADAPTER_GGUF).write_bytes(bytes(range(256)) * 8)
    found = digest(artifact.describe(folder))
    copy = Copy("copy", place(found), found)
    assert artifact.publish_at(folder, copy.uri, ground.store).digest == found
    if signed:
        key = ["--key", str(ground.folder / "signing" / "key.pem")]
        assert sign.main([copy.uri, copy.digest, *key, "--endpoint", ground.store.endpoint]) == 0
    return copy


def refused(ground: Ground, copy: Copy) -> list[str]:
    """Return how evaluation and serving refuse a copy."""
    ref, said = ArtifactRef(uri=copy.uri, digest=copy.digest), []
    for attempt in (lambda: verify.check(ground.evaluate(ref)), lambda: fetch.fetch(ground.fetch(ref))):
        with pytest.raises(PodError) as caught:
            attempt()
        said.append(f"{caught.value.reason}: {caught.value.message}")
    return said


@pytest.mark.parametrize("alteration", ALTERATIONS.values(), ids=ALTERATIONS)
def test_one_byte_is_enough_and_the_words_tell_which(ground: Ground, alteration: Alteration) -> None:
    copy = copied(ground, signed=True)
    ref = ArtifactRef(uri=copy.uri, digest=copy.digest)
    assert verify.check(ground.evaluate(ref)).signature == "e2e.pem"
    file = ground.folder / "store" / "slipway" / alteration.key(copy)
    before = file.read_bytes()
    file.write_bytes(alteration.change(before))
    assert sum(old != new for old, new in zip(before, file.read_bytes(), strict=True)) == 1
    expected = alteration.refusal(copy)
    for said in refused(ground, copy):
        assert re.match(f"{expected.reason}: {expected.words}", said[:LAST_WORDS]), said


def test_a_copy_without_signature_is_refused_with_file_and_cure(ground: Ground) -> None:
    copy = copied(ground, signed=False)
    expected = not_signed(copy)
    for said in refused(ground, copy):
        assert said.startswith(expected.reason)
        assert re.search(expected.words, said[:LAST_WORDS]), said


def test_parts_are_what_lies_in_and_beside_a_thing() -> None:
    copy = Copy(BARE, place("sha256:" + "a" * 64), "sha256:" + "a" * 64)
    own = {copy.weights, copy.signature}
    others = {f"{MODELS}{'b' * 64}/x", "slipway/checkpoints/team/try-1/step-1/x", "slipway/garbage/unmentioned.json"}
    assert parts(own | others, copy.thing) == own
    assert parts(own | others, thing("s3://slipway/slipway/checkpoints/team/try-1/")) == {
        "slipway/checkpoints/team/try-1/step-1/x"
    }
