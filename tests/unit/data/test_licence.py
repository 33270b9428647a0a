"""Are only rows kept whose licence is allowed?"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from identify.vendor.licenses import LICENSES

from slipway_data import licence
from slipway_data.spdx import expression, header, of_licence_text
from slipway_pod.errors import BadConfig
from tests.unit.data.preparing import Place, pair

CODE = "import bpy\n\ndef add_cube_{}():\n    bpy.ops.mesh.primitive_cube_add()\n"
TEXTS = dict(LICENSES)
LOOSE = {"quality": {"maxRejectedPercent": 100}}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "store")


def step(*allow: str, **more: Any) -> dict[str, Any]:
    return {"licence": {"allow": list(allow), **more}}


def kept(
    place: Place, *steps: dict[str, Any], parse: str = "JSONL"
) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """Return the ids kept, the reasons of the others, and the licences that the card counts."""
    result = place.prepare(parse, "Completion", *steps, **LOOSE)
    reasons = {entry["id"]: entry["reason"] for entry in place.rejected(result)}
    card = json.loads(place.read(result.artifact.uri + "dataset.json"))
    return [row["id"] for row in place.rows(result)], reasons, card["licences"]


def test_a_rows_own_licence_decides(place: Place) -> None:
    said = ["MIT", "mit", "GPL-3.0-only", "MIT OR GPL-3.0-only", "MIT AND GPL-3.0-only", "Apache-2.0", "mine", None, 3]
    place.put("raw/a.jsonl", "".join(pair(f"row {n}", license=word) for n, word in enumerate(said)))
    place.put("raw/b.jsonl", pair("british", licence="MIT") + pair("empty", licence="", license="MIT"))
    ids, reasons, counts = kept(place, step("MIT", "Apache-2.0"))
    assert ids == [*(f"a.jsonl:{n}" for n in (1, 2, 4, 6)), "b.jsonl:1", "b.jsonl:2"]
    assert reasons == {
        "a.jsonl:3": "LicenceNotAllowed",
        "a.jsonl:5": "LicenceNotAllowed",
        **{f"a.jsonl:{n}": "LicenceUnknown" for n in (7, 8, 9)},
    }
    assert counts == {"Apache-2.0": 1, "GPL-3.0-only OR MIT": 1, "MIT": 4}


def test_unknown_licences_may_be_kept_and_are_counted(place: Place) -> None:
    place.put(
        "raw/a.jsonl", pair("1", license="mine") + pair("2") + pair("3", license="MIT") + pair("4", license="GPL-2.0")
    )
    ids, reasons, counts = kept(place, step("MIT", unknown="Keep"))
    assert ids == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3"]
    assert reasons == {"a.jsonl:4": "LicenceNotAllowed"}
    assert counts == {"MIT": 1, "NOASSERTION": 2}


def test_only_rows_of_the_dataset_are_counted(place: Place) -> None:
    place.put("raw/a.jsonl", pair("one", license="MIT") * 3)
    _, _, counts = kept(place, step("MIT"), {"deduplicate": {}})
    assert counts == {"MIT": 1}


def test_parquet_rows_say_their_licence_too(place: Place) -> None:
    sink = io.BytesIO()
    columns = {"prompt": ["a", "b"], "completion": ["c", "d"], "license": ["MIT", "GPL-2.0"]}
    pq.write_table(pa.table(columns), sink)
    place.put("raw/a.parquet", sink.getvalue())
    ids, reasons, _ = kept(place, step("MIT"), parse="Parquet")
    assert (ids, reasons) == (["a.parquet:1"], {"a.parquet:2": "LicenceNotAllowed"})


def test_files_say_it_in_their_first_lines_or_it_lies_beside_them(place: Place) -> None:
    place.put("raw/one/LICENSE", TEXTS["MIT"].replace("[year]", "2026").replace("[fullname]", "Ann"))
    place.put("raw/one/deep/plain.py", CODE.format("plain"))
    place.put("raw/one/own.py", "# SPDX-License-Identifier: GPL-2.0-or-later\n" + CODE.format("own"))
    place.put("raw/two/COPYING.txt", TEXTS["GPL-3.0"])
    place.put("raw/two/plain.py", CODE.format("two"))
    place.put("raw/two/beside.py", CODE.format("beside"))
    place.put("raw/two/beside.py.license", "SPDX-FileCopyrightText: 2026 Ann\nSPDX-License-Identifier: MIT\n")
    place.put("raw/three/LICENSE-MIT", TEXTS["MIT"])
    place.put("raw/three/LICENSE-GPL", "SPDX-License-Identifier: GPL-3.0-only\n")
    place.put("raw/three/plain.py", CODE.format("three"))
    place.put("raw/four/license.md", "All rights reserved.")
    place.put("raw/four/plain.py", CODE.format("four"))
    place.put("raw/none.py", CODE.format("none"))
    ids, reasons, counts = kept(place, step("MIT"), parse="BlenderPython")
    assert ids == ["one/deep/plain.py#add_cube_plain", "two/beside.py#add_cube_beside"]
    assert reasons == {
        "one/own.py#add_cube_own": "LicenceNotAllowed",
        "two/plain.py#add_cube_two": "LicenceNotAllowed",
        "three/plain.py#add_cube_three": "LicenceNotAllowed",
        "four/plain.py#add_cube_four": "LicenceUnknown",
        "none.py#add_cube_none": "LicenceUnknown",
    }
    assert counts == {"MIT": 2}


def test_pages_say_it_in_front_matter_or_a_comment(place: Place) -> None:
    place.put("raw/a.md", "---\nlicense: CC-BY-4.0\n---\n# A\ntext\n")
    place.put("raw/b.md", "<!-- SPDX-License-Identifier: CC-BY-SA-4.0 -->\n# B\ntext\n")
    place.put("raw/c.md", "# C\ntext\n")
    ids, reasons, _ = kept(place, step("CC-BY-4.0"), parse="Markdown")
    assert ids == ["a.md#a"]
    assert reasons["b.md#b"] == "LicenceNotAllowed"
    assert reasons["c.md#c"] == "LicenceUnknown"


def test_a_licence_file_is_data_where_nobody_asks_for_licences(place: Place) -> None:
    place.put("raw/LICENSE.md", "# Licence\n\nDo as you please.\n")
    assert place.prepare("Markdown").rows.train == 1


def test_a_licence_that_spdx_has_not_is_bad_config_with_its_place(place: Place) -> None:
    place.put("raw/a.jsonl", pair("x"))
    for wrong in ("Apache", "MIT OR", "(MIT"):
        with pytest.raises(BadConfig, match=r"steps\[1\]\.licence\.allow: .* is no licence of SPDX") as caught:
            place.prepare("JSONL", "Completion", step("MIT", wrong))
        assert caught.value.reason == "UnknownLicence"


@pytest.mark.parametrize(
    ("allow", "said", "passes"),
    [
        ("MIT OR GPL-3.0-only", "GPL-3.0-only OR MIT", True),
        ("MIT OR GPL-3.0-only", "GPL-3.0-only", False),
        ("GPL-2.0-only", "GPL-2.0-or-later", False),
        ("GPL-2.0-only", "GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", True),
        ("GPL-3.0-or-later", "GPL-3.0+", True),
        ("MIT", "MIT AND (MIT OR Apache-2.0)", True),
    ],
)
def test_expressions_are_understood(place: Place, allow: str, said: str, passes: bool) -> None:
    place.put("raw/a.jsonl", pair("x", license=said) + pair("y", license=allow))
    ids, _, _ = kept(place, step(allow))
    assert ids == (["a.jsonl:1", "a.jsonl:2"] if passes else ["a.jsonl:2"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("// SPDX-License-Identifier: MIT\n", "MIT"),
        ("/* SPDX-License-Identifier: MIT OR Apache-2.0 */", "MIT OR Apache-2.0"),
        ("<!-- SPDX-License-Identifier: (MIT) -->", "(MIT)"),
        ("x" * 5000 + "SPDX-License-Identifier: MIT", None),
        ("", None),
    ],
)
def test_headers(text: str, found: str | None) -> None:
    assert header(text) == found


def test_every_licence_text_that_is_told_is_one_of_spdx() -> None:
    for name in ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-3.0", "MPL-2.0", "CC0-1.0", "Unlicense"):
        said = of_licence_text(TEXTS[name])
        assert said == name
        assert expression(said) is not None
    assert of_licence_text("") is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("LICENSE", True),
        ("a/b/LICENCE.txt", True),
        ("COPYING", True),
        ("LICENSE-APACHE", True),
        ("LICENSE-MIT.md", True),
        ("a.py.license", True),
        ("license.py", False),
        ("licenses.jsonl", False),
        ("LICENSE/a.py", False),
    ],
)
def test_which_files_are_licences(path: str, expected: bool) -> None:
    assert licence.is_licence(path) is expected
