"""Is anything deleted that somebody may still need, and is the rest deleted in the end?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.artifact import MANIFEST
from slipway.contract.exitcodes import ExitCode
from slipway.contract.garbage import InUse
from slipway.contract.job import Store
from slipway.contract.signature import BESIDE
from slipway_pod import collect
from slipway_pod.errors import BadConfig, StoreUnreachable
from slipway_pod.garbage import Judged, owner
from slipway_pod.store import Bucket

NOW = datetime(2026, 11, 28, 3, 17, tzinfo=UTC)
GRACE = timedelta(days=7)
OLD = NOW - timedelta(days=30)
USED, LOST, YOUNG = "a" * 64, "b" * 64, "c" * 64


class Shop:
    """A store in a folder whose files have the age that a test gives them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "slipway" / "slipway"
        self.store = Store(endpoint=f"file://{folder}", bucket="slipway")
        self.root.mkdir(parents=True)

    def put(self, key: str, when: datetime = OLD, content: bytes = b"x") -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (when.timestamp(), when.timestamp()))

    def model(self, name: str, when: datetime = OLD) -> None:
        for key in ("model.gguf", "deep/model.json", MANIFEST):
            self.put(f"models/{name}/{key}", when)
        for suffix in BESIDE:
            self.put(f"models/{name}{suffix}", when)

    def names(self) -> set[str]:
        return {p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file()}

    def collect(
        self, now: datetime = NOW, *, delete: bool = True, grace: timedelta = GRACE, **used: Any
    ) -> dict[str, str]:
        in_use = InUse(**({"read": now.isoformat(), "objects": 3} | used))
        found = collect.collect(self.store, in_use, now, grace, delete=delete)
        return {one.thing.name: one.verdict for one in found}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.model(USED)
    made.model(LOST)
    made.model(YOUNG, NOW - timedelta(days=1))
    made.put("checkpoints/team/live-0123/step-00000001/state.json")
    made.put("checkpoints/team/gone-4567/step-00000001/state.json")
    return made


KEPT = {"digests": (f"sha256:{USED}",), "uris": ("s3://slipway/slipway/checkpoints/team/live-0123/",)}
GONE = "checkpoints/team/gone-4567"


def belongs(key: str, *names: str) -> bool:
    return any(key.startswith((f"{name}/", f"{name}.")) for name in names)


def test_rows_kept_for_datasets_that_are_gone_go_and_no_others(shop: Shop) -> None:
    for name in ("here", "gone"):
        shop.put(f"parsed-rows/team/{name}/index.json")
        shop.put(f"parsed-rows/team/{name}/packs/{USED}")
    shop.put("parsed-rows/other/here/index.json")
    datasets = {"datasets": ("team/here",), **KEPT}
    first = shop.collect(**datasets)
    assert first["parsed-rows/team/here"] == "InUse"
    assert first["parsed-rows/team/gone"] == first["parsed-rows/other/here"] == "Waiting"
    assert shop.collect(NOW + GRACE, **datasets)["parsed-rows/team/gone"] == "Garbage"
    assert {name for name in shop.names() if name.startswith("parsed-rows/")} == {
        "parsed-rows/team/here/index.json",
        f"parsed-rows/team/here/packs/{USED}",
    }


def test_a_dry_run_shows_and_changes_nothing(shop: Shop) -> None:
    before = shop.names()
    assert shop.collect(delete=False, **KEPT) == {
        f"models/{USED}": "InUse",
        f"models/{LOST}": "Waiting",
        f"models/{YOUNG}": "Young",
        "checkpoints/team/live-0123": "InUse",
        GONE: "Waiting",
    }
    assert shop.names() == before


def test_what_stays_unmentioned_for_the_whole_grace_is_deleted_and_nothing_else(shop: Shop) -> None:
    foreign = [
        "models/README.md",
        "models/by-hand/model.gguf",
        "models/" + "d" * 63 + "/x",
        "datasets/" + "e" * 64 + "/x",
    ]
    for key in [*foreign, f"models/{LOST}.notes", "checkpoints/stray"]:
        shop.put(key)
    before = shop.names()
    assert shop.collect(**KEPT)[f"models/{LOST}"] == "Waiting"
    assert shop.collect(NOW + GRACE - timedelta(seconds=1), **KEPT)[f"models/{LOST}"] == "Waiting"
    assert before < shop.names()
    found = shop.collect(NOW + GRACE, **KEPT)
    assert {name for name, verdict in found.items() if verdict == "Garbage"} == {f"models/{LOST}", GONE}
    gone = {f"models/{LOST}{suffix}" for suffix in BESIDE}
    gone |= {key for key in before if belongs(key, f"models/{LOST}", GONE) and f"{key}".count(".notes") == 0}
    assert shop.names() == (before - gone) | {"garbage/unmentioned.json"}
    assert f"models/{LOST}" not in shop.collect(NOW + GRACE * 2, **KEPT)


@pytest.mark.parametrize(
    "mention",
    [
        {"digests": (f"sha256:{USED}", f"sha256:{LOST}")},
        {"uris": (f"s3://slipway/slipway/models/{LOST}/",)},
        {"uris": (f"s3://slipway/slipway/models/{LOST}",)},
        {"uris": (f"s3://slipway/slipway/models/{LOST}/model.gguf",)},
        {"uris": ("s3://slipway/slipway/models/",)},
    ],
)
def test_whatever_names_it_keeps_it(shop: Shop, mention: dict[str, Any]) -> None:
    shop.collect()
    assert shop.collect(NOW + GRACE, **mention)[f"models/{LOST}"] == "InUse"


def test_without_any_grace_it_still_takes_a_second_collection(shop: Shop) -> None:
    before = shop.names()
    found = shop.collect(grace=timedelta(), **KEPT)
    assert (found[f"models/{LOST}"], found[f"models/{YOUNG}"]) == ("Waiting", "Waiting")
    assert before < shop.names()
    found = shop.collect(grace=timedelta(), **KEPT)
    assert {name for name, verdict in found.items() if verdict == "Garbage"} == {
        f"models/{LOST}",
        f"models/{YOUNG}",
        GONE,
    }
    assert not any(belongs(key, f"models/{LOST}", f"models/{YOUNG}", GONE) for key in shop.names())


def test_nothing_goes_that_was_written_since_the_cluster_was_asked(shop: Shop) -> None:
    asked = {"read": (NOW - timedelta(minutes=10)).isoformat(), **KEPT}
    shop.put(f"models/{LOST}.sig", NOW - timedelta(minutes=10))  # published anew: its ModelVersion is on its way
    for _ in range(2):
        assert shop.collect(grace=timedelta(), **asked)[f"models/{LOST}"] == "Young"
    later = asked | {"unfinished_since": NOW.isoformat()}  # a run that was made while the cluster was being asked
    assert shop.collect(grace=timedelta(), **later)[f"models/{LOST}"] == "Young"
    assert shop.collect(NOW + timedelta(seconds=1), grace=timedelta(), **KEPT)[f"models/{LOST}"] == "Waiting"


def test_what_is_mentioned_for_a_while_begins_anew(shop: Shop) -> None:
    shop.collect(**KEPT)
    shop.collect(NOW + timedelta(days=3), digests=(f"sha256:{USED}", f"sha256:{LOST}"))
    assert shop.collect(NOW + GRACE, **KEPT)[f"models/{LOST}"] == "Waiting"
    assert shop.collect(NOW + GRACE * 2, **KEPT)[f"models/{LOST}"] == "Garbage"


def test_nothing_that_a_run_may_have_published_goes_while_it_has_not_ended(shop: Shop) -> None:
    running = {"unfinished_since": (OLD - timedelta(days=1)).isoformat()}
    shop.collect(**KEPT)
    assert shop.collect(NOW + GRACE, **KEPT, **running)[f"models/{LOST}"] == "Young"
    later = {"unfinished_since": (OLD + timedelta(days=1)).isoformat()}
    shop.collect(NOW + GRACE, **KEPT, **later)
    assert shop.collect(NOW + GRACE * 2, **KEPT, **later)[f"models/{LOST}"] == "Garbage"


def test_what_is_published_at_that_moment_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.collect(**KEPT)
    real = collect.judged

    def publishing(*arguments: Any) -> Iterator[Judged]:
        yield from list(real(*arguments))
        shop.put(f"models/{LOST}.provenance.json", NOW + GRACE)

    monkeypatch.setattr(collect, "judged", publishing)
    shop.collect(NOW + GRACE, **KEPT)
    assert f"models/{LOST}/{MANIFEST}" in shop.names()
    assert f"models/{LOST}/model.gguf" in shop.names()


def test_a_collection_that_breaks_off_leaves_no_half_artefact_and_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.collect(**KEPT)
    real = Bucket.delete
    deleted: list[str] = []

    def breaking(self: Bucket, key: str) -> None:
        if LOST in key and len(deleted) == 2:
            raise StoreUnreachable("StoreUnreachable", "silent")
        if LOST in key:
            deleted.append(key)
        real(self, key)

    monkeypatch.setattr(Bucket, "delete", breaking)
    with pytest.raises(StoreUnreachable):
        shop.collect(NOW + GRACE, **KEPT)
    assert deleted[0].endswith(f"{LOST}/{MANIFEST}")
    monkeypatch.setattr(Bucket, "delete", real)
    shop.collect(NOW + GRACE, **KEPT)
    assert not any(LOST in key for key in shop.names())


def test_unreadable_memory_means_waiting_once_more(shop: Shop) -> None:
    shop.collect(**KEPT)
    shop.put("garbage/unmentioned.json", content=b"{")
    assert shop.collect(NOW + GRACE, **KEPT)[f"models/{LOST}"] == "Waiting"


@pytest.mark.parametrize(
    ("used", "reason"),
    [({"objects": 0}, "NothingInUse"), ({"read": (NOW - timedelta(hours=2)).isoformat()}, "InUseOutdated")],
)
def test_a_list_that_cannot_be_true_is_not_believed(shop: Shop, used: dict[str, Any], reason: str) -> None:
    shop.collect()
    before = shop.names()
    in_use = InUse(**({"read": (NOW + GRACE).isoformat(), "objects": 3} | used))
    with pytest.raises(BadConfig) as caught:
        collect.collect(shop.store, in_use, NOW + GRACE, GRACE, delete=True)
    assert caught.value.reason == reason
    assert shop.names() == before


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (f"models/{LOST}/model.gguf", f"models/{LOST}"),
        (f"models/{LOST}.sig", f"models/{LOST}"),
        (f"models/{LOST}.provenance.sigstore.json", f"models/{LOST}"),
        (f"models/{LOST}.sig.old", None),
        (f"models/{LOST}", None),
        (f"models/{LOST}0/model.gguf", None),
        ("models/my-model/model.gguf", None),
        ("checkpoints/team/run-0123/step-1/state.json", "checkpoints/team/run-0123"),
        ("checkpoints/team/stray", None),
        ("datasets/" + LOST + "/card.json", None),
        ("evaluations/x/items.jsonl", None),
    ],
)
def test_only_what_is_surely_ours_has_a_name(key: str, name: str | None) -> None:
    assert owner(key) == name


# The command


def command(shop: Shop, in_use: Path, *more: str) -> list[str]:
    return ["--bucket=slipway", f"--endpoint={shop.store.endpoint}", f"--in-use={in_use}", *more]


def test_the_command_tells_what_it_found(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_use = InUse(read=datetime.now(UTC).isoformat(), objects=3, **KEPT)
    path = tmp_path / "in-use.json"
    path.write_text(in_use.model_dump_json(by_alias=True))
    assert collect.main(command(shop, path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"models/{LOST}" in lines[1] if "checkpoints" in lines[0] else lines[0]
    assert "written 2026-10-29, unmentioned since" in lines[0]
    assert lines[-1].startswith("a dry run: nothing was changed.")
    assert "garbage (0 B)" in lines[-2]
    assert collect.main(command(shop, path, "--delete")) == 0
    assert "dry run" not in capsys.readouterr().out
    assert "garbage/unmentioned.json" in shop.names()


def test_the_command_without_a_list_collects_nothing(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = shop.names()
    assert collect.main(command(shop, tmp_path / "none", "--delete")) == ExitCode.BAD_CONFIG
    (tmp_path / "odd").write_text("{}")
    assert collect.main(command(shop, tmp_path / "odd", "--delete")) == ExitCode.BAD_CONFIG
    assert "nothing is collected" in capsys.readouterr().err
    assert shop.names() == before
    with pytest.raises(SystemExit):
        collect.main(command(shop, tmp_path / "odd", "--grace-days=-1"))
    assert "--grace-days must be 0 or more" in capsys.readouterr().err
