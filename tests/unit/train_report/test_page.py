"""Does the page of a run tell what the report has, to anybody, and take nothing for markup?"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from xml.etree import ElementTree

import pytest

from slipway.api.common import ArtifactStatus
from slipway.api.trainingjob_status import RunMemory
from slipway.contract.result import Rung
from slipway.contract.training_report import Lowest, Restart, TrainingReport
from slipway_pod.errors import BadConfig
from slipway_train_torch.report import build
from slipway_train_torch.report.page import duration, page
from tests.unit.train_report.jobs import facts, job

AT = "2026-11-28T08:00:00Z"
HOSTILE = "</p><script>alert(1)</script><img src=x onerror=alert(2)> {{ report }} \u202egnp \x00 ]]> \"'"


def shown(text: str) -> str:
    """Return what the page says, read by a strict parser, which takes well-formed documents only."""
    assert text.startswith("<!DOCTYPE html>\n")
    return " ".join("".join(ElementTree.fromstring(text).itertext()).split())


@pytest.fixture
def whole(tmp_path: Path) -> TrainingReport:
    """A run with everything in it that a report tells of."""
    found = facts(
        30,
        best=Lowest(step=20, validation_loss=2.5),
        rungs=(Rung(step=3, micro_batch=4, recompute=False), Rung(step=3, micro_batch=1, recompute=True)),
        memory=RunMemory(
            weights_bytes=540 * 2**20,
            gradients_bytes=1,
            optimiser_bytes=2,
            activations_bytes=700 * 2**20,
            loss_bytes=3,
            safety_bytes=124 * 2**20,
            total_bytes=1364 * 2**20,
            available_bytes=7000 * 2**20,
            peak_bytes=1300 * 2**20,
        ),
        published_step=20,
        validation_loss=2.5,
        artifact=ArtifactStatus(uri="s3://slipway/home/models/a/", digest="sha256:" + "a" * 64, bytes=1234567),
    )
    again = Restart(step=10, reached=14, ended="Killed", at=AT)
    failed = Restart(step=10, reached=10, ended="StoreUnreachable", at=AT)
    return build.told(job(tmp_path), found, (again, failed), "Succeeded", AT)


def test_the_page_says_what_the_report_has(whole: TrainingReport) -> None:
    said = shown(page(whole))
    for text in (
        "TrainingJob games/assistant-v1", "Succeeded", "30 of 40steps", "400tokens/s", "100loss-bearing tokens/s",
        "2.5best validation loss, after step 20", "killed, or its node lost", "failed: StoreUnreachable",
        "rank16", "learningRate2e-4", "sha256:" + "a" * 64, "1,234,567 bytes", "with the weights of step 20",
        "sha256:" + "b" * 64, "sha256:" + "d" * 64, whole.recipe,
        "activations of the largest piece700", "estimated, all together1,364", "there for the run7,000",
        "measured at most1,300",
        "went on after step 10 (Killed)", "step 3: 1 rows at a time, activations computed again",
    ):  # fmt: skip
        assert text in said


def test_every_curve_and_mark_is_drawn(whole: TrainingReport) -> None:
    root = ElementTree.fromstring(page(whole))
    charts = [found for found in root.iter("svg") if found.get("class") == "chart"]
    assert [chart.get("aria-label") for chart in charts] == [
        "Loss, in nats per trained token", "Learning rate", "Tokens per second",
        "Norm of the gradient, before clipping", "Memory, in GiB",
    ]  # fmt: skip
    for chart in charts:
        styles = [path.get("class") for path in chart.iter("path")]
        assert {"mark restart", "mark rung", "mark best"} <= set(styles)
    curves = [path for path in charts[0].iter("path") if (path.get("class") or "").startswith("curve")]
    assert len(curves) == 2


def test_a_run_that_did_nothing_has_a_page(tmp_path: Path) -> None:
    fault = BadConfig("NoChatTemplate", "the tokenizer has no chat template: use an instruct model")
    said = shown(page(build.failed(build.begun(job(tmp_path), "Running", AT), fault, AT)))
    assert "Failed: NoChatTemplate" in said
    assert "use an instruct model" in said
    assert "The run had not done a step." in said
    assert "none: nothing was published" in said


def test_the_page_asks_nothing_of_the_network_and_takes_no_text_for_markup(tmp_path: Path) -> None:
    found = facts(5, parameters={"name": HOSTILE})
    fault = BadConfig("LossNotFinite", HOSTILE, example=HOSTILE)
    text = page(build.failed(build.told(job(tmp_path), found, (), "Running", AT), fault, AT))
    root = ElementTree.fromstring(text)
    tags = {element.tag for element in root.iter()}
    assert tags.isdisjoint({"script", "img", "link", "iframe", "object", "a", "form"})
    for element in root.iter():
        assert not {name for name in element.attrib if name.startswith("on") or name in {"src", "href", "style"}}
    (policy,) = [m.get("content", "") for m in root.iter("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    (style,) = [element.text or "" for element in root.iter("style")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "url(" not in style
    assert "<script>alert(1)</script>" in "".join(root.itertext())
    assert not set(text) & set("\u202e\x00")


def test_equal_reports_have_equal_pages(whole: TrainingReport) -> None:
    again = TrainingReport.model_validate_json(whole.model_dump_json(by_alias=True))
    assert page(again) == page(whole)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59, "59 s"), (184, "3 min 04 s"), (3725, "1 h 02 min")])
def test_times_are_for_people(seconds: int, text: str) -> None:
    assert duration(seconds) == text
