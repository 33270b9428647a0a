"""Which rows does a mix of Datasets have, and where do they stay?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slipway.contract.dataset import CARD, DatasetCard
from slipway.contract.result import Prepared
from slipway_data.mix import shares
from slipway_pod.errors import BadConfig, BadData, DigestMismatch
from tests.unit.data.preparing import Place, pair, pairs

THIRDS = {"trainPercent": 34, "validationPercent": 33, "testPercent": 33, "groupBy": "Row"}
ALL = {"trainPercent": 100, "validationPercent": 0, "testPercent": 0}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def member(place: Place, name: str, text: str, split: dict[str, Any] = THIRDS) -> Prepared:
    """Prepare a Dataset that a mix may have."""
    place.put(f"{name}/rows.jsonl", text)
    source = {"objectStore": {"uri": f"s3://slipway/{name}/"}}
    return place.prepare(source=source, split=split, name=name)


def mixed(place: Place, *steps: dict[str, Any], weights: dict[str, int] | None = None, **members: Prepared) -> Prepared:
    named = [{"name": name} | ({"weight": weights[name]} if weights else {}) for name in members]
    pinned = [
        {**one, "artifact": {"uri": members[one["name"]].artifact.uri, "digest": members[one["name"]].artifact.digest}}
        for one in sorted(named, key=lambda one: one["name"])
    ]
    return place.prepare("Dataset", "Completion", *steps, source={"datasets": {"members": named}}, members=pinned)


def ids(place: Place, found: Prepared, split: str) -> set[str]:
    return {row["id"] for row in place.rows(found, split)}


def test_every_row_stays_in_its_split(place: Place) -> None:
    members = {"a": member(place, "a", pairs(60)), "b": member(place, "b", pairs(60, 100))}
    found = mixed(place, **members)
    for split in ("train", "validation", "test"):
        wanted = {f"{name}/{row['id']}" for name, one in members.items() for row in place.rows(one, split)}
        assert ids(place, found, split) == wanted
        assert wanted


def test_what_a_member_tests_on_is_trained_on_by_nobody(place: Place) -> None:
    """The same rows, drawn for other splits by another salt: each is left where it is judged most."""
    rows = pairs(90)
    one, other = member(place, "a", rows), member(place, "b", rows, THIRDS | {"salt": "other"})
    found = mixed(place, a=one, b=other)
    texts = {s: {row["prompt"] for row in place.rows(found, s)} for s in ("train", "validation", "test")}
    tested = {row["prompt"] for part in (one, other) for row in place.rows(part, "test")}
    assert texts["test"] == tested
    assert not texts["train"] & texts["test"]
    assert not texts["validation"] & texts["test"]
    assert not texts["train"] & texts["validation"]
    assert found.rows.duplicates > 0
    said = [entry["message"] for entry in place.rejected(found)]
    assert any("which is in test" in message for message in said)


def test_licences_are_told_by_the_reports_of_the_members(place: Place) -> None:
    members = {name: member(place, name, pairs(30, 100 * at)) for at, name in enumerate("ab")}
    assert place.report(members["a"]).licences is not None
    assert place.report(mixed(place, **members)).licences is None


def test_a_row_like_one_of_the_test_split_is_not_trained_on(place: Place) -> None:
    texts = [" ".join(f"word{n * k}" for n in range(60)) for k in range(1, 40)]
    one = member(place, "z", "".join(pair("say", text) for text in texts))
    tested = {row["completion"] for row in place.rows(one, "test")}
    other = member(place, "a", "".join(pair("say", f"{text} more") for text in texts), ALL)
    found = mixed(place, {"deduplicate": {"method": "MinHash"}}, z=one, a=other)
    assert {row["completion"] for row in place.rows(found, "test")} == tested
    trained = {row["completion"] for row in place.rows(found, "train")}
    assert tested
    assert not {f"{text} more" for text in tested} & trained


@pytest.mark.parametrize("weights", [{"a": 3, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 5}])
def test_weights_are_shares_of_what_is_kept_in_every_split(place: Place, weights: dict[str, int]) -> None:
    members = {"a": member(place, "a", pairs(90)), "b": member(place, "b", pairs(70, 500))}
    found = mixed(place, {"filter": {"minCharacters": 9}}, weights=weights, **members)
    for split in ("train", "validation", "test"):
        counts = {name: sum(id.startswith(f"{name}/") for id in ids(place, found, split)) for name in weights}
        held = {name: sum(len(r["completion"]) >= 9 for r in place.rows(members[name], split)) for name in weights}
        assert counts == shares(held, weights)
        assert any(counts[name] == held[name] for name in weights)
    assert found.rows.rejected == sum(e["reason"] == "TooShort" for e in place.rejected(found))


def test_shares_are_exact_and_the_shortest_gives_all() -> None:
    assert shares({"a": 100, "b": 50}, {"a": 3, "b": 1}) == {"a": 100, "b": 33}
    assert shares({"a": 100, "b": 10}, {"a": 1, "b": 1}) == {"a": 10, "b": 10}
    assert shares({"a": 7}, {"a": 1, "b": 9}) == {"a": 7}
    assert shares({}, {"a": 1}) == {}


def test_the_same_rows_are_drawn_whatever_the_order_and_the_place(place: Place) -> None:
    members = {"a": member(place, "a", pairs(60)), "b": member(place, "b", pairs(60, 100))}
    weights = {"a": 1, "b": 2}
    one = mixed(place, weights=weights, **members)
    other = mixed(place, weights=weights, **dict(reversed(members.items())))
    assert one.artifact.digest == other.artifact.digest


def test_the_digest_follows_the_members(place: Place) -> None:
    first = member(place, "a", pairs(40))
    other = member(place, "b", pairs(40, 100))
    before = mixed(place, a=first, b=other)
    after = mixed(place, a=member(place, "a", pairs(41)), b=other)
    assert before.artifact.digest != after.artifact.digest
    card = DatasetCard.model_validate_json(place.read(f"{before.artifact.uri}{CARD}"))
    assert card.members is not None
    assert [(m.name, m.digest) for m in card.members] == [("a", first.artifact.digest), ("b", other.artifact.digest)]
    assert sum(card.members[0].rows.values()) == 40


def test_the_report_tells_what_the_mix_left_out(place: Place) -> None:
    members = {"a": member(place, "a", pairs(60)), "b": member(place, "b", pairs(20, 100))}
    found = mixed(place, weights={"a": 1, "b": 1}, **members)
    last = place.report(found).steps[-1]
    assert last.name == "mix"
    assert last.rows_in == 80
    assert last.rows_out == found.rows.train + found.rows.validation + found.rows.test
    assert set(last.left_out) == {"Surplus"}


def test_bytes_that_are_not_the_members_are_never_used(place: Place) -> None:
    one = member(place, "a", pairs(20), ALL)
    shard = place.root / one.artifact.uri.removeprefix("s3://") / "train" / "00000.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DigestMismatch, match="publish it again"):
        mixed(place, a=one)


def test_a_member_that_is_gone_or_another_is_refused(place: Place) -> None:
    one = member(place, "a", pairs(20), ALL)
    other = member(place, "b", pairs(20, 50), ALL)
    swapped = one.model_copy(update={"artifact": one.artifact.model_copy(update={"uri": other.artifact.uri})})
    with pytest.raises(DigestMismatch, match="the spec says"):
        mixed(place, a=swapped)
    (place.root / one.artifact.uri.removeprefix("s3://") / "manifest.json").unlink()
    with pytest.raises(BadConfig, match="it was removed, or never published"):
        mixed(place, a=one)


def test_a_member_of_another_schema_is_refused(place: Place) -> None:
    one = member(place, "a", pairs(20), ALL)
    source = {"datasets": {"members": [{"name": "a"}]}}
    pinned = [{"name": "a", "artifact": {"uri": one.artifact.uri, "digest": one.artifact.digest}}]
    with pytest.raises(BadData, match="Dataset a has schema Completion, this one Chat"):
        place.prepare("Dataset", "Chat", source=source, members=pinned)


def test_weights_that_cannot_hold_are_refused(place: Place) -> None:
    members = {"a": member(place, "a", pairs(9)), "b": member(place, "b", pair("q", "x" * 100) * 2, ALL)}
    with pytest.raises(BadData, match="no row of a is left to train on"):
        mixed(place, {"filter": {"minCharacters": 50}}, weights={"a": 1, "b": 1}, **members)


def test_a_mix_of_mixes_is_a_mix(place: Place) -> None:
    inner = mixed(place, a=member(place, "a", pairs(30)), b=member(place, "b", pairs(30, 100)))
    found = mixed(place, inner=inner, c=member(place, "c", pairs(30, 200)))
    assert any(id.startswith("inner/a/rows.jsonl:") for id in ids(place, found, "train"))
    assert found.rows.train + found.rows.validation + found.rows.test == 90


def test_a_file_that_is_missing_is_no_smaller_mix(place: Place) -> None:
    one = member(place, "a", pairs(20), ALL)
    (place.root / one.artifact.uri.removeprefix("s3://") / "train" / "00000.parquet").unlink()
    with pytest.raises(BadData, match="prepare Dataset a again"):
        mixed(place, a=one)
