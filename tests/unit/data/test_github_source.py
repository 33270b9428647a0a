"""Does a search on GitHub give its files with as few requests as there can be, and patience where it is asked for?"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from identify.vendor.licenses import LICENSES

from slipway.api.dataset_github import GitHubSearch
from slipway.contract.job import PrepareDataset
from slipway.contract.result import Prepared
from slipway_data import blends
from slipway_data.prepare import prepare
from slipway_data.sources import github
from slipway_data.sources.github import find
from slipway_data.sources.github.memory import Memory
from slipway_data.sources.origin import Origin
from slipway_pod.errors import BadConfig, BadData, PodError, SourceUnreachable
from slipway_pod.store import Bucket
from tests.unit.data.github import ABOUT_ONE, ABOUT_TOKEN, TOO_LARGE, GitHub, Repo, blob_name, said
from tests.unit.data.preparing import Place, pair
from tests.unit.data.webserver import START, Answer, Time, serving

HIDDEN = "ghp_hidden"
TEXTS = dict(LICENSES)
GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "dataset-sources.md"


def files(*names: str) -> dict[str, bytes]:
    return {name: pair(name).encode() for name in names}


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def hub(time: Time) -> GitHub:
    return GitHub(
        time,
        [
            Repo("ann/tools", files("a.jsonl", "deep/b.jsonl", "README.md"), stars=5),
            Repo("bob/nodes", files("a.jsonl", "c.jsonl"), stars=9, licence="GPL-3.0"),
            Repo("eve/tools", files("x.jsonl"), language="C++", licence=None, topics=("unreal",), kibibytes=9000),
        ],
    )


@pytest.fixture
def url(hub: GitHub) -> Iterator[str]:
    with serving(hub) as at:
        yield at


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


class Pods:
    """Pods that prepare from one source."""

    def __init__(self, place: Place, url: str, time: Time) -> None:
        self.place, self.url, self.time = place, url, time

    def job(self, search: dict[str, Any] | None = None, *steps: dict[str, Any], **more: Any) -> Any:
        return self.place.job("JSONL", "Completion", *steps, source=self.source(search, **more))

    def source(self, search: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        spec = {"search": search or {"topics": ["blender"]}, "extensions": ["jsonl"], "apiUrl": self.url} | more
        return {"github": {"plainHttp": True, **spec}}

    def read(self, *arguments: Any, **more: Any) -> dict[str, bytes]:
        """Read to the end."""
        job = self.job(*arguments, **more)
        found = github.opened(job.source.github, job, {}, self.time.clock)
        content = {file.path: b"".join(file.pieces()) for file in found.files}
        found.done()
        return content

    def fault(self, *arguments: Any, **more: Any) -> PodError:
        with pytest.raises(PodError) as caught:
            self.read(*arguments, **more)
        assert "source.github" in caught.value.message
        return caught.value


@pytest.fixture
def pods(place: Place, url: str, time: Time) -> Pods:
    return Pods(place, url, time)


# What is found


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({"topics": ["blender"]}, ["ann/tools", "bob/nodes"]),
        ({"text": "tools"}, ["ann/tools", "eve/tools"]),
        ({"languages": ["C++", "Python"]}, ["ann/tools", "bob/nodes", "eve/tools"]),
        ({"languages": ["C++"]}, ["eve/tools"]),
        ({"licences": ["MIT"]}, ["ann/tools"]),
        ({"licences": ["MIT", "GPL-3.0"], "topics": ["blender"]}, ["ann/tools", "bob/nodes"]),
        ({"owners": ["bob"]}, ["bob/nodes"]),
        ({"text": "o", "minStars": 6}, ["bob/nodes"]),
        ({"text": "o", "maxKibibytes": 100}, ["ann/tools", "bob/nodes"]),
        ({"text": "o", "minKibibytes": 101}, ["eve/tools"]),
        ({"text": "o", "maxRepositories": 1}, ["bob/nodes"]),
    ],
)
def test_a_search_finds_repositories(pods: Pods, search: dict[str, Any], found: list[str]) -> None:
    assert sorted({path.rpartition("/")[0].removesuffix("/deep") for path in pods.read(search)}) == found


def test_files_are_chosen_by_extension_pattern_and_size(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].files["big.jsonl"] = b"x" * 2048
    hub.repos[0].links["link.jsonl"] = "a.jsonl"
    all_of_it = ["ann/tools/a.jsonl", "ann/tools/big.jsonl", "ann/tools/deep/b.jsonl"]
    ann = {"owners": ["ann"]}
    assert sorted(pods.read(ann)) == all_of_it
    assert sorted(pods.read(ann, maxFileKibibytes=1)) == [all_of_it[0], all_of_it[2]]
    assert sorted(pods.read(ann, include=["*"])) == all_of_it[:2]
    assert sorted(pods.read(ann, include=["**/b.*"])) == all_of_it[2:]
    assert sorted(pods.read(ann, extensions=["md"])) == ["ann/tools/README.md"]
    assert pods.read(ann)["ann/tools/deep/b.jsonl"] == pair("deep/b.jsonl").encode()


def test_a_tree_too_large_for_one_answer_is_read_folder_by_folder(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].files |= files("deep/er/c.jsonl", "other/d.jsonl")
    whole = pods.read({"owners": ["ann"]})
    hub.repos[0].too_large = True
    assert pods.read({"owners": ["ann"]}) == whole


@pytest.mark.parametrize("status", [403, 409, 451])
def test_a_repository_that_is_empty_or_taken_down_is_left_out(pods: Pods, hub: GitHub, status: int) -> None:
    hub.repos[0].status = status
    assert {path[:3] for path in pods.read()} == {"bob"}


def test_many_pages_are_read_and_the_most_starred_kept(pods: Pods, hub: GitHub) -> None:
    hub.repos = [Repo(f"org/r{number:03}", files("a.jsonl"), stars=number) for number in range(230)]
    found = pods.read({"topics": ["blender"], "maxRepositories": 205})
    assert hub.calls("/search/") == 3
    assert sorted(found)[0] == "org/r025/a.jsonl"
    assert len(found) == 205


def test_what_github_shows_of_a_search_is_its_end(pods: Pods, hub: GitHub) -> None:
    hub.repos = [Repo(f"org/r{number:03}", files("a.jsonl"), stars=number) for number in range(250)]
    hub.shown = 200
    assert len(pods.read({"topics": ["blender"], "maxRepositories": 1000})) == 200
    assert hub.statuses[422] == 1


def test_equal_content_has_one_digest_and_is_fetched_once(place: Place, pods: Pods, hub: GitHub) -> None:
    job = pods.job()
    first = place.prepare(source=job.source)
    blobs = hub.calls("/git/blobs/")
    assert blobs == 3, "two repositories have one file with equal content"
    before = len(hub.asked)
    hub.statuses.clear()
    second = place.prepare(source=job.source)
    assert second.artifact == first.artifact
    assert hub.calls("/git/blobs/") == blobs
    assert set(hub.statuses) == {304}
    assert len(hub.asked) == before + (before - blobs), "each page once more, and no file"
    hub.repos[0].files |= files("new.jsonl")
    third = place.prepare(source=job.source)
    assert third.rows.train == first.rows.train + 1
    assert hub.calls("/git/blobs/") == blobs + 1


# Limits


def test_the_primary_limit_is_waited_for(pods: Pods, hub: GitHub, time: Time) -> None:
    whole = pods.read()
    hub.limits["core"] = 2
    fresh = Pods(Place(pods.place.root / "other"), pods.url, time)
    hub._used.clear()
    hub._resets.clear()
    time.slept.clear()
    assert fresh.read() == whole
    # Five requests for trees and files, two an hour.
    assert len(time.slept) == 2
    assert all(3500 < slept <= 3601 for slept in time.slept)
    assert hub.statuses[403] == 0, "what the headers say is believed before a request is refused"


def test_a_limit_that_others_used_up_is_waited_for_too(pods: Pods, hub: GitHub, time: Time) -> None:
    reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(START) + 120), "X-RateLimit-Resource": "search"}
    hub.next = [said(403, "API rate limit exceeded for user ID 1.", reset)]
    assert pods.read()
    assert time.slept == [121]


@pytest.mark.parametrize("status", [403, 429])
def test_the_secondary_limit_is_waited_for(pods: Pods, hub: GitHub, time: Time, status: int) -> None:
    words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    hub.next = [said(status, words, {"Retry-After": "30"}), said(status, words), said(status, words)]
    assert pods.read()
    assert time.slept == [30, 120, 240]


def test_limits_without_end_are_left_to_the_next_attempt(pods: Pods, hub: GitHub, time: Time) -> None:
    hub.next = [said(429, "secondary rate limit", {"Retry-After": "60"}) for _ in range(20)]
    said_so = pods.fault()
    assert isinstance(said_so, SourceUnreachable)
    assert said_so.reason == "RateLimited"
    hub.next = [said(429, "secondary rate limit", {"Retry-After": "7200"})]
    before = len(time.slept)
    assert pods.fault().reason == "RateLimited"
    assert len(time.slept) == before, "a wait that is too long is not begun"


def test_a_budget_ends_the_work_and_a_larger_one_goes_on(pods: Pods, hub: GitHub) -> None:
    over = pods.fault(maxCalls=3)
    assert isinstance(over, BadConfig)
    assert over.reason == "BudgetExhausted"
    assert len(hub.asked) == 3
    assert pods.fault(maxCalls=3).reason == "BudgetExhausted"
    assert len(hub.asked) == 3
    pods.read(maxCalls=6)
    assert len(hub.asked) == len(set(hub.asked)) == 6


# Licences


def kept(pods: Pods, *allow: str, **more: Any) -> tuple[list[str], dict[str, str]]:
    """Return the ids of rows under a licence that is allowed, and the reasons of the others."""
    steps = ({"licence": {"allow": list(allow)}},)
    source = pods.source(**more)
    result = pods.place.prepare("JSONL", "Completion", *steps, source=source, quality={"maxRejectedPercent": 100})
    reasons = {entry["id"]: entry["reason"] for entry in pods.place.rejected(result)}
    return [row["id"] for row in pods.place.rows(result)], reasons


def test_what_github_states_is_the_licence_where_no_file_says_one(pods: Pods, hub: GitHub) -> None:
    hub.repos += [
        Repo("joe/other", files("o.jsonl"), licence="NOASSERTION"),
        Repo("sue/none", files("n.jsonl"), licence=None),
    ]
    ids, reasons = kept(pods, "MIT")
    assert ids == ["ann/tools/a.jsonl:1", "ann/tools/deep/b.jsonl:1"]
    assert reasons == {
        "bob/nodes/a.jsonl:1": "LicenceNotAllowed",
        "bob/nodes/c.jsonl:1": "LicenceNotAllowed",
        "joe/other/o.jsonl:1": "LicenceUnknown",
        "sue/none/n.jsonl:1": "LicenceUnknown",
    }


def test_what_a_licence_file_says_counts_before_what_github_states(pods: Pods, hub: GitHub) -> None:
    ann, bob = hub.repos[:2]
    ann.files |= {"COPYING": TEXTS["GPL-3.0"].encode(), "deep/LICENSE": TEXTS["MIT"].encode()}
    bob.files |= {
        "LICENSE.md": b"SPDX-License-Identifier: MIT\n",
        "c.jsonl.license": b"SPDX-License-Identifier: 0BSD\n",
    }
    ids, reasons = kept(pods, "MIT")
    assert ids == ["ann/tools/deep/b.jsonl:1", "bob/nodes/a.jsonl:1"]
    assert set(reasons) == {"ann/tools/a.jsonl:1", "bob/nodes/c.jsonl:1"}
    assert set(reasons.values()) == {"LicenceNotAllowed"}


def test_github_may_know_the_words_of_the_one_licence_file(pods: Pods, hub: GitHub) -> None:
    ann, bob = hub.repos[:2]
    ann.files |= {"LICENSE": b"Words of a licence that only GitHub knows.", "deep/LICENSE": b"Words."}
    bob.files |= {"LICENSE": b"Words.", "LICENSE-MIT": TEXTS["MIT"].encode()}
    ids, reasons = kept(pods, "MIT", "GPL-3.0-only")
    assert ids == ["ann/tools/a.jsonl:1"]
    assert set(reasons) == {"ann/tools/deep/b.jsonl:1", "bob/nodes/a.jsonl:1", "bob/nodes/c.jsonl:1"}
    assert set(reasons.values()) == {"LicenceUnknown"}


def test_licence_files_are_no_rows_and_only_those_come_that_speak_for_some(pods: Pods, hub: GitHub) -> None:
    mit = TEXTS["MIT"].encode()
    others = {f"vendor/v{number}/LICENSE": b"of vendor %d" % number for number in range(50)}
    hub.repos[0].files |= {
        "LICENSE": mit,
        "LICENSE.jsonl": b"",
        "deep/COPYING": mit + b"\n",
        "x.md.license": b"",
        **others,
    }
    without = pods.read({"owners": ["ann"]})
    before = hub.calls("/git/blobs/")
    ids, reasons = kept(pods, "MIT", search={"owners": ["ann"]}, include=["*.jsonl", "deep/b.*"], maxFileKibibytes=1)
    assert set(without) == {"ann/tools/a.jsonl", "ann/tools/deep/b.jsonl", "ann/tools/LICENSE.jsonl"}
    assert ids == ["ann/tools/a.jsonl:1", "ann/tools/deep/b.jsonl:1"]
    assert reasons == {}
    assert hub.calls("/git/blobs/") == before + 2
    assert pods.fault({"owners": ["ann"]}, {"licence": {"allow": ["MIT"]}}, maxFiles=2).reason == "TooManyFiles"
    assert len(pods.read({"owners": ["ann"]}, {"licence": {"allow": ["MIT"]}}, maxFiles=3)) == 5


def test_the_report_tells_what_github_states_though_no_step_asks(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].files["LICENSE"] = TEXTS["MIT"].encode()
    hub.repos[1].licence = "NOASSERTION"
    report = pods.place.report(pods.place.prepare(source=pods.source()))
    assert report.licences is not None
    assert [(one.licence, one.rows) for one in report.licences.largest] == [("MIT", 2), ("NOASSERTION", 2)]
    assert hub.calls("/git/blobs/") == 3


def test_the_example_of_the_guide_gives_rows_with_the_licence_step(
    pods: Pods, hub: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = GUIDE.read_text(encoding="utf-8").partition("## Files of many repositories on GitHub")[2]
    block = re.search(r"```yaml\n(.*?)```", section, re.S)
    assert block is not None
    spec = yaml.safe_load(block[1])["spec"]
    assert spec["source"]["github"]["tokenSecret"]
    spec["source"]["github"] |= {"apiUrl": pods.url, "plainHttp": True}
    hub.token = HIDDEN
    monkeypatch.setenv("SLIPWAY_SOURCE_TOKEN", HIDDEN)
    script = b"import bpy\n\ndef add_cube_%d():\n    bpy.ops.mesh.primitive_cube_add()\n"
    topics = tuple(spec["source"]["github"]["search"]["topics"])
    hub.repos = [
        Repo("ann/tools", {"add.py": script % 1, "LICENSE": TEXTS["MIT"].encode()}, stars=50, topics=topics),
        Repo("bob/nodes", {"add.py": script % 2}, stars=40, licence="Apache-2.0", topics=topics),
        Repo("eve/gpl", {"add.py": script % 3}, stars=30, licence="GPL-3.0", topics=topics),
    ]
    result = prepare(PrepareDataset.model_validate(pods.job().dump() | {"schema": "Chat"} | spec))
    assert isinstance(result, Prepared)
    assert [row["id"] for row in pods.place.rows(result)] == [
        "ann/tools/add.py#add_cube_1",
        "bob/nodes/add.py#add_cube_2",
    ]


def test_a_run_that_the_former_version_began_is_gone_on_with(pods: Pods, hub: GitHub, time: Time) -> None:
    job = pods.job(None, {"licence": {"allow": ["MIT", "GPL-3.0-only"]}})
    memory = Memory(job.source.github, job, START)
    folder = pods.place.root / "slipway" / "slipway" / "sources" / "github" / "1"
    memory.called()
    (key,) = (folder / "runs").iterdir()
    run = {"id": "0123456789abcdef0123456789abcdef", "started": START, "calls": 2}
    key.write_text(json.dumps(run))
    query = find.queries(job.source.github.search)
    words = {"q": next(query), "sort": "stars", "order": "desc", "per_page": 100, "page": 1}
    search = f"{pods.url}/search/repositories?{urlencode(words)}"
    repository = {"full_name": "ann/tools", "default_branch": "main/line", "stargazers_count": 5}
    found = {**repository, "license": {"spdx_id": "MIT"}}
    entry = {"path": "a.jsonl", "mode": "100644", "type": "blob", "sha": blob_name(pair("kept").encode()), "size": 9}
    pages = {
        search: {"total_count": 1, "incomplete_results": False, "items": [found]},
        f"{pods.url}/repos/ann/tools/git/trees/main%2Fline?recursive=1": {"tree": [entry], "truncated": False},
    }
    for url, value in pages.items():
        page = folder / "pages" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
        page.parent.mkdir(exist_ok=True)
        page.write_text(json.dumps({"url": url, "run": run["id"], "etag": "", "value": value}))
    blob = folder / "blobs" / entry["sha"][:2] / entry["sha"]
    blob.parent.mkdir(parents=True)
    blob.write_bytes(pair("kept").encode())
    found = github.opened(job.source.github, job, {}, time.clock)
    assert [file.path for file in found.files] == ["ann/tools/a.jsonl"]
    assert found.licences == {"ann/tools": "MIT"}
    assert hub.asked == []


# Faults


@pytest.mark.parametrize("steps", [(), ({"licence": {"allow": ["MIT"]}},)], ids=["plain", "licences"])
def test_a_killed_pod_is_followed_by_one_that_asks_for_nothing_again(
    pods: Pods,
    hub: GitHub,
    tmp_path: Path,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[dict[str, Any], ...],
) -> None:
    class Killed(BaseException):
        """What no handler handles."""

    hub.repos[0].files["LICENSE"] = TEXTS["MIT"].encode()
    whole = pods.read(None, *steps)
    assert ("ann/tools/LICENSE" in whole) == bool(steps)
    straight = list(hub.asked)
    put, deaths = Bucket.put, 0
    for moment in range(1, 100):
        fresh, writes = Pods(Place(tmp_path / f"store-{moment}"), pods.url, time), 0

        def dying(self: Bucket, key: str, content: bytes | Path, moment: int = moment) -> None:
            nonlocal writes
            writes += 1
            if writes == moment:
                raise Killed
            put(self, key, content)

        hub.asked.clear()
        monkeypatch.setattr(Bucket, "put", dying)
        try:
            fresh.read(None, *steps)
            break
        except Killed:
            deaths += 1
        finally:
            monkeypatch.setattr(Bucket, "put", put)
        assert fresh.read(None, *steps) == whole
        # An answer that was not kept yet when the pod died is the one thing to ask for again.
        assert len(hub.asked) <= len(straight) + 1
        assert sorted(set(hub.asked)) == sorted(straight)
    assert deaths == 2 * len(straight)


def test_what_is_kept_of_a_run_that_never_ended_grows_old(pods: Pods, hub: GitHub, time: Time) -> None:
    pods.fault(maxCalls=3)
    time.seconds += 25 * 3600
    hub.repos.append(Repo("new/one", files("n.jsonl"), stars=3))
    assert "new/one/n.jsonl" in pods.read()


def test_a_broken_page_is_asked_for_again(pods: Pods, hub: GitHub, time: Time) -> None:
    whole = json.dumps({"total_count": 0, "incomplete_results": False, "items": []}).encode()
    hub.next = [
        Answer(body=b'{"total_count": 2, "items": [{'),
        Answer(body=b"[]"),
        Answer(body=whole, announced=len(whole) + 10),
        Answer(502, b"<html>Unicorn!"),
    ]
    hub.incomplete = 1
    assert len(pods.read()) == 4
    assert time.slept == [0.5, 1, 2, 4, 8]


def test_a_file_that_is_not_what_its_name_says_is_asked_for_again(pods: Pods, hub: GitHub, time: Time) -> None:
    job = pods.job()
    pods.fault(maxCalls=3)
    hub.next = [Answer(body=b"another")]
    found = github.opened(job.source.github, job, {}, time.clock)
    assert b"another" not in {b"".join(file.pieces()) for file in found.files}
    assert time.slept == [0.5]


def test_trouble_that_does_not_pass_is_left_to_the_next_attempt(pods: Pods, hub: GitHub, time: Time) -> None:
    hub.next = [Answer(503) for _ in range(50)]
    assert isinstance(pods.fault(), SourceUnreachable)
    assert sum(time.slept) <= 120


# What is not given


def left_out(pods: Pods, *steps: dict[str, Any], **more: Any) -> tuple[set[str], dict[str, str]]:
    """Return the paths of the files that are read, and what is said of what is not given."""
    job = pods.job(None, *steps, **more)
    found = github.opened(job.source.github, job, {}, pods.time.clock)
    assert {entry.reason for entry in found.left_out} <= {"SourceRefused"}
    return {file.path for file in found.files}, {entry.id: entry.message for entry in found.left_out}


OF_BOB = {"bob/nodes/a.jsonl", "bob/nodes/c.jsonl"}


@pytest.mark.parametrize("words", ABOUT_ONE.values(), ids=ABOUT_ONE)
def test_a_repository_that_github_refuses_is_left_out_and_told(pods: Pods, hub: GitHub, words: str) -> None:
    hub.repos[0].status, hub.repos[0].words = 403, words
    result = pods.place.prepare(source=pods.source(), quality={"maxRejectedPercent": 50})
    assert {row["id"].partition(":")[0] for row in pods.place.rows(result)} == OF_BOB
    (entry,) = pods.place.rejected(result)
    assert (entry["id"], entry["reason"]) == ("ann/tools", "SourceRefused")
    assert words in entry["message"]
    assert "source.github.tokenSecret" in entry["message"]
    assert result.rows.rejected == 1
    report = pods.place.report(result)
    assert [(one.reason, one.rows) for one in report.left_out] == [("SourceRefused", 1)]
    assert (report.steps[0].rows_in, report.steps[0].rows_out) == (3, 2)
    assert hub.calls("/repos/ann/") == 1


@pytest.mark.parametrize("status", [403, 451])
def test_a_repository_that_was_taken_down_is_told(pods: Pods, hub: GitHub, status: int) -> None:
    hub.repos[0].status = status
    found, told = left_out(pods)
    assert found == OF_BOB
    assert "Repository access blocked" in told["ann/tools"]


def test_a_file_that_github_refuses_is_left_out_and_told(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].faults["deep/b.jsonl"] = said(403, TOO_LARGE)
    found, told = left_out(pods)
    assert found == OF_BOB | {"ann/tools/a.jsonl"}
    assert list(told) == ["ann/tools/deep/b.jsonl"]
    assert "This API returns blobs up to 100 MB in size." in told["ann/tools/deep/b.jsonl"]


@pytest.mark.parametrize("words", ABOUT_TOKEN.values(), ids=ABOUT_TOKEN)
def test_what_github_says_of_the_token_ends_the_preparation(pods: Pods, hub: GitHub, words: str) -> None:
    hub.repos[0].status, hub.repos[0].words = 403, words
    denied = pods.fault()
    assert isinstance(denied, BadConfig)
    assert denied.reason == "AccessDenied"
    assert denied.message.startswith("source.github.tokenSecret: ")
    assert words in denied.message
    assert "give it a token" in denied.message


@pytest.mark.parametrize(("status", "words"), [(401, "Bad credentials"), (403, ABOUT_ONE["SAML"])])
def test_a_search_that_is_refused_ends_the_preparation(pods: Pods, hub: GitHub, status: int, words: str) -> None:
    hub.next = [said(status, words)]
    denied = pods.fault()
    assert denied.reason == "AccessDenied"
    assert denied.message.startswith("source.github.tokenSecret: ")
    assert words in denied.message


def test_where_everything_is_refused_the_preparation_says_so(pods: Pods, hub: GitHub) -> None:
    for repo in hub.repos:
        repo.status, repo.words = 403, ABOUT_ONE["allow list"]
    denied = pods.fault()
    assert isinstance(denied, BadConfig)
    assert denied.reason == "AccessDenied"
    assert "GitHub gives no file that is wanted, and 2 not, for example bob/nodes: " in denied.message
    assert "IP allow list" in denied.message


def test_what_was_refused_is_asked_for_again_by_the_next_pod_and_nothing_else(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].status, hub.repos[0].words = 403, ABOUT_ONE["SAML"]
    assert left_out(pods)[0] == OF_BOB
    hub.asked.clear()
    assert left_out(pods)[0] == OF_BOB
    assert [path.partition("?")[0] for path in hub.asked] == ["/repos/ann/tools/git/trees/main%2Fline"]
    hub.repos[0].status = 200
    assert left_out(pods) == (OF_BOB | {"ann/tools/a.jsonl", "ann/tools/deep/b.jsonl"}, {})


# Trouble with one of many


@pytest.mark.parametrize("status", [500, 502, 520])
def test_a_repository_that_github_never_answers_for_is_left_out(
    pods: Pods, hub: GitHub, time: Time, status: int
) -> None:
    hub.repos[1].status = status  # the first that is read
    found, told = left_out(pods)
    assert found == {"ann/tools/a.jsonl", "ann/tools/deep/b.jsonl"}
    assert list(told) == ["bob/nodes"]
    assert f"answered with status {status}" in told["bob/nodes"]
    assert "twice" in told["bob/nodes"]
    assert 180 < sum(time.slept) <= 240
    assert hub.calls("/repos/bob/") > 10


def test_a_file_that_github_never_answers_for_is_left_out(pods: Pods, hub: GitHub) -> None:
    for path in OF_BOB:
        hub.repos[1].faults[path.removeprefix("bob/nodes/")] = Answer(502)
    found, told = left_out(pods)
    assert found == {"ann/tools/a.jsonl", "ann/tools/deep/b.jsonl", "bob/nodes/a.jsonl"}, "ann has the first one too"
    assert list(told) == ["bob/nodes/c.jsonl"]


def test_what_github_answers_for_after_all_others_is_read(pods: Pods, hub: GitHub, time: Time) -> None:
    hub.repos[1].status, hub.repos[1].troubles = 502, 12
    found, told = left_out(pods)
    assert found == OF_BOB | {"ann/tools/a.jsonl", "ann/tools/deep/b.jsonl"}
    assert told == {}
    assert sum(time.slept) > 90, "the first time it was given up"


def test_three_in_a_row_are_an_illness_of_githubs(pods: Pods, hub: GitHub, time: Time) -> None:
    hub.repos = [Repo(f"org/r{at}", files("a.jsonl"), stars=at, status=502 if at < 3 else 200) for at in range(9)]
    ill = pods.fault()
    assert isinstance(ill, SourceUnreachable)
    assert "answered with status 502" in ill.message
    assert sum(time.slept) <= 360


def test_what_github_gave_before_and_not_now_is_an_illness_of_githubs(pods: Pods, hub: GitHub) -> None:
    good, bad = hub.repos[1], hub.repos[0]
    bad.status = 502

    def both() -> bool:
        good.status = 502
        return True

    bad.fails = both  # type: ignore[method-assign]
    assert isinstance(pods.fault(), SourceUnreachable)


def test_one_repository_alone_may_be_an_illness_of_githubs(pods: Pods, hub: GitHub) -> None:
    hub.repos[0].status = 502
    ill = pods.fault({"owners": ["ann"]})
    assert isinstance(ill, SourceUnreachable)
    hub.repos[0].status, hub.repos[0].faults = 200, {"a.jsonl": Answer(502), "deep/b.jsonl": Answer(502)}
    ill = pods.fault({"owners": ["ann"]})
    assert isinstance(ill, SourceUnreachable)
    assert "GitHub gives no file that is wanted, and 2 not" in ill.message


def test_every_try_counts_for_the_budget(pods: Pods, hub: GitHub) -> None:
    hub.repos[1].status = 502
    assert pods.fault(maxCalls=5).reason == "BudgetExhausted"
    assert len(hub.asked) == 5


def test_of_rows_below_a_licence_file_that_is_not_given_nobody_knows_the_licence(pods: Pods, hub: GitHub) -> None:
    ann, bob = hub.repos[:2]
    ann.files |= {"LICENSE": TEXTS["MIT"].encode(), "deep/LICENSE": TEXTS["0BSD"].encode()}
    ann.faults["deep/LICENSE"] = said(403, ABOUT_ONE["allow list"])
    bob.files["LICENSE"] = b" " * (github.LICENCE_LIMIT + 1)
    ids, reasons = kept(pods, "MIT", "GPL-3.0-only")
    assert ids == ["ann/tools/a.jsonl:1", "bob/nodes/a.jsonl:1", "bob/nodes/c.jsonl:1"], "GitHub has read bob's"
    assert reasons == {
        "ann/tools/deep/LICENSE": "SourceRefused",
        "ann/tools/deep/b.jsonl:1": "LicenceUnknown",
        "bob/nodes/LICENSE": "SourceRefused",
    }


def test_what_is_not_given_and_what_is_stated_reach_the_container_without_a_network(
    pods: Pods, hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(tmp_path))
    hub.repos[0].status, hub.repos[0].words = 403, ABOUT_ONE["SAML"]
    job = pods.job()
    origin = github.opened(job.source.github, job, {}, pods.time.clock)
    blends.bring(job.model_copy(update={"steps": pods.place.job("Blend", "Chat").steps}))
    there = blends.described()
    assert isinstance(there, Origin)
    assert there.left_out == origin.left_out != ()
    assert there.licences == origin.licences == {"ann/tools": "MIT", "bob/nodes": "GPL-3.0"}


# Words to people


def test_a_search_that_github_does_not_understand_is_said(pods: Pods, hub: GitHub) -> None:
    said_so = pods.fault({"owners": ["nobody"]})
    assert isinstance(said_so, BadConfig)
    assert said_so.reason == "SearchRefused"
    assert "Validation Failed" in said_so.message


def test_the_token_comes_from_the_environment(pods: Pods, hub: GitHub, time: Time) -> None:
    hub.token = HIDDEN
    denied = pods.fault()
    assert isinstance(denied, BadConfig)
    assert denied.reason == "AccessDenied"
    job = pods.job()
    assert github.opened(job.source.github, job, {"SLIPWAY_SOURCE_TOKEN": HIDDEN}, time.clock).files
    stored = [path for path in pods.place.root.rglob("*") if path.is_file()]
    assert stored
    assert all(HIDDEN.encode() not in path.read_bytes() for path in stored)
    assert all(asked.headers["X-GitHub-Api-Version"] == "2022-11-28" for asked in hub.heard)


def test_another_server_than_github_is_said(place: Place, time: Time) -> None:
    with serving(lambda asked: Answer(404)) as at:
        said_so = Pods(place, at, time).fault()
    assert isinstance(said_so, BadConfig)
    assert "apiUrl" in said_so.message


def test_nothing_and_too_much_are_said(pods: Pods) -> None:
    nothing = pods.fault(extensions=["t3d"])
    assert isinstance(nothing, BadData)
    assert nothing.reason == "NoFiles"
    assert pods.fault(maxFiles=3).reason == "TooManyFiles"


def test_queries_say_each_thing_in_githubs_words() -> None:
    search = GitHubSearch(
        text="node graph",
        topics=["b", "a"],
        languages=["Visual Basic .NET", "C++"],
        licences=["MIT", "Apache-2.0"],
        owners=["epic"],
        min_stars=3,
        min_kibibytes=1,
        max_kibibytes=9,
    )
    found = list(find.queries(search))
    assert len(found) == 4
    assert found[0] == 'node graph topic:a topic:b user:epic stars:>=3 size:1..9 language:"C++" license:apache-2.0'
