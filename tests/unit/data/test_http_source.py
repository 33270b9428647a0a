"""Do web addresses give exactly the files that the spec names, or say why not?"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from slipway.api.dataset_source import HttpSource
from slipway_data.sources import http
from slipway_pod.errors import BadConfig, BadData, DigestMismatch, PodError, SourceUnreachable
from tests.unit.data.preparing import Place, pair
from tests.unit.data.webserver import Answer, Asked, Site, Time, serving

ONE, TWO = pair("first").encode(), pair("second").encode()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def source(url: str, content: bytes = ONE, **more: Any) -> HttpSource:
    return HttpSource.model_validate({"files": [{"url": url, "sha256": sha(content)}], "plainHttp": True, **more})


def read(spec: HttpSource, time: Time | None = None, **environment: str) -> dict[str, bytes]:
    found = http.files(spec, environment, (time or Time()).clock)
    return {file.path: b"".join(file.pieces()) for file in found}


def fault(site: Site, content: bytes = ONE, time: Time | None = None, **more: Any) -> PodError:
    with serving(site) as at, pytest.raises(PodError) as caught:
        read(source(f"{at}/a.jsonl?token=hidden", content, **more), time)
    assert "hidden" not in str(caught.value)
    assert "source.http.files[0]" in str(caught.value)
    return caught.value


def test_the_order_of_the_list_does_not_change_the_digest(tmp_path: Path) -> None:
    site = {"/x/a.jsonl": ONE, "/b.jsonl": TWO}
    place = Place(tmp_path / "store")
    with serving(lambda asked: Answer(body=site[asked.path])) as at:
        files = [{"url": f"{at}{path}", "sha256": sha(content)} for path, content in site.items()]
        results = [
            place.prepare(source={"http": {"files": order, "plainHttp": True}}) for order in (files, files[::-1])
        ]
    assert results[0].artifact.digest == results[1].artifact.digest
    assert [row["id"] for row in place.rows(results[0])] == ["a.jsonl:1", "b.jsonl:1"]


def test_a_digest_that_differs_is_final_and_names_both() -> None:
    said = fault(lambda asked: Answer(body=TWO))
    assert isinstance(said, DigestMismatch)
    assert sha(ONE) in said.message
    assert sha(TWO) in said.message


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, BadData, "NotFound"),
        (410, BadData, "NotFound"),
        (401, BadConfig, "AccessDenied"),
        (403, BadConfig, "AccessDenied"),
        (400, BadData, "Refused"),
        (204, BadData, "Refused"),
    ],
)
def test_a_status_that_will_not_change_is_final(status: int, kind: type[PodError], reason: str) -> None:
    time = Time()
    said = fault(lambda asked: Answer(status), time=time)
    assert isinstance(said, kind)
    assert said.reason == reason
    assert time.slept == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_trouble_passes_and_the_servers_wish_is_kept(status: int) -> None:
    answers = iter([Answer(status), Answer(status, headers={"Retry-After": "17"}), Answer(body=ONE)])
    time = Time()
    with serving(lambda asked: next(answers)) as at:
        assert read(source(f"{at}/a.jsonl"), time) == {"a.jsonl": ONE}
    assert time.slept == [0.5, 17]


def test_trouble_that_does_not_pass_is_left_to_the_next_attempt() -> None:
    time = Time()
    said = fault(lambda asked: Answer(503), time=time)
    assert isinstance(said, SourceUnreachable)
    assert said.reason == "SourceUnreachable"
    assert "status 503" in said.message
    assert 60 < sum(time.slept) <= 120
    assert time.slept == sorted(time.slept)


def test_a_wait_longer_than_our_patience_is_not_begun() -> None:
    time = Time()
    assert isinstance(fault(lambda asked: Answer(429, headers={"Retry-After": "3600"}), time=time), SourceUnreachable)
    assert time.slept == []


def test_a_broken_transfer_begins_again() -> None:
    answers = iter([Answer(body=TWO[:5], announced=len(TWO)), Answer(body=ONE)])
    with serving(lambda asked: next(answers)) as at:
        assert read(source(f"{at}/a.jsonl")) == {"a.jsonl": ONE}


def test_nobody_there_is_unreachable() -> None:
    with serving(lambda asked: Answer()) as at:
        pass
    with pytest.raises(SourceUnreachable, match=r"127\.0\.0\.1"):
        read(source(f"{at}/a.jsonl"))


def test_a_file_past_the_limit_is_refused_while_it_comes() -> None:
    said = fault(lambda asked: Answer(body=b"x" * (2 << 20)), maxFileMebibytes=1)
    assert said.reason == "TooLarge"
    assert "maxFileMebibytes" in said.message


def test_secrets_come_from_the_environment_and_follow_no_redirect_to_another_server() -> None:
    heard: list[Asked] = []

    def elsewhere(asked: Asked) -> Answer:
        heard.append(asked)
        return Answer(body=ONE)

    with serving(elsewhere) as other:

        def site(asked: Asked) -> Answer:
            heard.append(asked)
            return Answer(302, headers={"Location": "/second" if asked.path == "/a.jsonl" else f"{other}/third"})

        with serving(site) as at:
            headers = [
                {"name": "X-Kind", "value": "data"},
                {"name": "Authorization", "secret": {"name": "web", "key": "token"}},
            ]
            spec = source(f"{at}/a.jsonl", headers=headers)
            assert read(spec, SLIPWAY_SOURCE_HEADER_1="Bearer t") == {"a.jsonl": ONE}
    assert [asked.path for asked in heard] == ["/a.jsonl", "/second", "/third"]
    assert [asked.headers.get("Authorization") for asked in heard] == ["Bearer t", "Bearer t", None]
    assert [asked.headers.get("X-Kind") for asked in heard] == ["data", "data", None]


def test_a_redirect_out_of_https_or_in_a_circle_is_refused() -> None:
    circle = fault(lambda asked: Answer(307, headers={"Location": asked.path}))
    assert circle.reason == "TooManyRedirects"
    down = fault(lambda asked: Answer(307, headers={"Location": "ftp://127.0.0.1/a"}))
    assert down.reason == "NotHttps"
    with serving(lambda asked: Answer(body=ONE)) as at, pytest.raises(BadConfig, match="not https"):
        read(source(f"{at}/a.jsonl", plainHttp=False))


def test_files_need_names_of_their_own() -> None:
    files = [{"url": f"https://{host}.example/a", "sha256": sha(ONE)} for host in "xy"]
    with pytest.raises(BadConfig, match="are both called a"):
        list(http.files(HttpSource.model_validate({"files": files}), {}))
    with pytest.raises(BadConfig, match="ends in no file name: set name"):
        list(http.files(source("https://x.example/"), {}))
    named = HttpSource.model_validate({"files": [{"url": "https://x/", "sha256": sha(ONE), "name": "shop/a"}]})
    assert [file.path for file in http.files(named, {})] == ["shop/a"]
