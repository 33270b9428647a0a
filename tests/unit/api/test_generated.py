"""What is committed is what the models say: CRDs, the chart's copies, the reference."""

from __future__ import annotations

import yaml

from slipway.api import crds
from slipway.api.kinds import KINDS, ROLLOUT


def test_committed_files_are_what_the_models_say() -> None:
    assert crds.stale() == [], "run `make generate`"


def test_a_change_is_noticed(tmp_path) -> None:
    for path, text in crds.files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert crds.stale(tmp_path) == []
    changed = tmp_path / "crds/rollouts.yaml"
    changed.write_text(changed.read_text().replace("Percent", "Share"))
    assert [str(path) for path in crds.stale(tmp_path)] == ["crds/rollouts.yaml"]


def test_the_chart_escapes_what_looks_like_a_template() -> None:
    template = crds.chart_template(crds.crd(ROLLOUT))
    assert "{{ `{{` }}candidate{{ `}}` }}" in template
    assert template.startswith("{{- if .Values.crds.enabled }}")
    assert "helm.sh/resource-policy: keep" in template


def test_the_reference_names_every_kind_and_field() -> None:
    pages = {str(path): text for path, text in crds.files() if path.suffix == ".md"}
    for kind in KINDS:
        assert f"({kind.singular}.md)" in pages["docs/reference/README.md"]
        page = pages[f"docs/reference/{kind.singular}.md"]
        for field in crds.root_schema(kind)["properties"]["spec"]["properties"]:
            assert f"| `{field}` |" in page


def test_names_are_short_and_unlike_those_of_others() -> None:
    names = [crds.crd(kind)["spec"]["names"] for kind in KINDS]
    assert [n["shortNames"] for n in names] == [["swd"], ["swt"], ["swm"], ["swr"]]
    assert all(n["categories"] == ["slipway"] for n in names)
    assert yaml.safe_load(crds.to_yaml(crds.crd(ROLLOUT))) == crds.crd(ROLLOUT)
