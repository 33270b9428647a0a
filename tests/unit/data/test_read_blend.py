"""Which pairs does a description of a .blend file give, and what does it say of one that gives none?"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from slipway.contract.blend import Blend, Collection, Data, Link, Node, NodeTree, Object, Piece, Scene, Socket
from slipway.contract.blends import INDEX, Index
from slipway.contract.job import PrepareDataset, Store
from slipway_data import blends, read_blend
from slipway_data.raw import RawFile
from slipway_data.rows import Chat, Parsed, Rejected
from slipway_data.sources.origin import Origin
from slipway_pod.errors import BadConfig


def thing(name: str, kind: str, **of: Any) -> Object:
    place = {"location": (1, 2, 3), "rotation": (90, 0, 0), "scale": (1, 1, 1), "dimensions": (0, 0, 0)}
    return Object(**{"name": name, "type": kind, **place, **of})


BEVEL = Piece(
    name="Edges", type="BEVEL", settings={"width": 0.25, "segments": 4, "limit": "NONE"}, changed=("width", "segments")
)
LIGHT = Data(name="Lamp", settings={"type": "SPOT", "energy": 750.0, "color": [1, 1, 1]}, changed=("energy",))
STONE = NodeTree(
    name="Stone",
    nodes=(
        Node(
            name="Noise Texture",
            type="ShaderNodeTexNoise",
            inputs={"Scale": 8.5},
            changed_inputs=("Scale",),
            location=(-200, 0),
        ),
        Node(name="Mix", type="ShaderNodeMix", settings={"data_type": "RGBA"}, changed=("data_type",)),
    ),
    links=(Link(from_node="Noise Texture", from_socket="Fac", to_node="Mix", to_socket="A", to_index=6),),
)


def found(blend: Blend | str, path: str = "a/scene.blend") -> list[Parsed | Rejected]:
    text = json.dumps({"refused": blend} if isinstance(blend, str) else blend.dump())
    return list(read_blend.read(RawFile(path, lambda: (text.encode(),)), "Chat"))


def pair(item: Parsed | Rejected) -> tuple[str, str]:
    assert isinstance(item, Parsed)
    assert isinstance(item.content, Chat)
    _, asked, answer = item.content.messages
    ast.parse(answer.content)
    return asked.content, answer.content


def test_a_material_is_asked_for_by_its_nodes_and_answered_by_code() -> None:
    [item] = found(Blend(scene=Scene(name="S"), materials=(STONE,)))
    asked, code = pair(item)
    assert isinstance(item, Parsed)
    assert item.id == "a/scene.blend#material-Stone"
    assert "the Blender material Stone" in asked
    assert "ShaderNodeTexNoise named Noise Texture (Scale 8.5)" in asked
    assert "Links: Noise Texture Fac to Mix A." in asked
    assert code.splitlines() == [
        "import bpy",
        "",
        "material = bpy.data.materials.new('Stone')",
        "material.use_nodes = True",
        "nodes, links = material.node_tree.nodes, material.node_tree.links",
        "nodes.clear()",
        "noise_texture = nodes.new('ShaderNodeTexNoise')",
        "noise_texture.name = 'Noise Texture'",
        "noise_texture.inputs['Scale'].default_value = 8.5",
        "noise_texture.location = (-200.0, 0.0)",
        "mix = nodes.new('ShaderNodeMix')",
        "mix.name = 'Mix'",
        "mix.data_type = 'RGBA'",
        "links.new(noise_texture.outputs['Fac'], mix.inputs[6])",
    ]


def test_objects_give_lights_and_modifiers_and_what_points_elsewhere_gives_no_pair() -> None:
    cut = Piece(name="Hole", type="BOOLEAN", settings={"object": "Drill"}, changed=("object",), pointers=("object",))
    lamp, block = thing("Lamp", "LIGHT", data=LIGHT), thing("Block", "MESH", modifiers=(BEVEL,))
    items = found(Blend(scene=Scene(name="S"), objects=(lamp, block, thing("Plate", "MESH", modifiers=(cut,)))))
    made = [item for item in items if isinstance(item, Parsed)]
    assert [item.id.partition("#")[2] for item in made] == ["light-Lamp", "modifiers-Block"]
    asked, code = pair(made[0])
    assert "a Blender spot light named Lamp" in asked
    assert "light = bpy.data.lights.new('Lamp', 'SPOT')\nlight.energy = 750.0\n" in code
    assert "thing.rotation_euler = (1.570796, 0.0, 0.0)" in code
    asked, code = pair(made[1])
    assert "bevel named Edges with width 0.25, segments 4." in asked
    assert "edges.width = 0.25\nedges.segments = 4" in code


def test_node_groups_have_their_sockets_and_collections_their_parents() -> None:
    group = NodeTree(
        name="Lifter", type="GeometryNodeTree", nodes=(Node(name="Group Input", type="NodeGroupInput"),),
        sockets=(Socket(name="Geometry", type="NodeSocketGeometry"),),
    )  # fmt: skip
    nested = (Collection(name="House"), Collection(name="Roof", parent="House"))
    items = found(Blend(scene=Scene(name="S"), node_groups=(group,), collections=nested))
    _, code = pair(items[0])
    assert "group.interface.new_socket('Geometry', in_out='INPUT', socket_type='NodeSocketGeometry')" in code
    _, code = pair(items[1])
    assert "bpy.context.scene.collection.children.link(house)\nhouse.children.link(roof)" in code


@pytest.mark.parametrize(
    ("blend", "path", "reason", "says"),
    [
        ("Error: not a blend file", "a.blend", "UnreadableFile", "it is not read: Error: not a blend file"),
        (Blend(scene=Scene(name="S")), "a.blend", "NothingToAsk", "no object, material, modifier, constraint"),
        (Blend(scene=Scene(name="S")), "a.txt", "UnreadableFile", "no .blend by its name"),
    ],
)
def test_a_file_without_pairs_is_one_rejection(blend: Blend | str, path: str, reason: str, says: str) -> None:
    [item] = found(blend, path)
    assert isinstance(item, Rejected)
    assert item.reason == reason
    assert says in item.message


def test_a_description_that_breaks_off_is_a_rejection() -> None:
    [item] = read_blend.read(RawFile("a.blend", lambda: (b'{"scene": ',)), "Chat")
    assert isinstance(item, Rejected)
    assert "broken off" in item.message


def told(folder: Path) -> PrepareDataset:
    (folder / "store" / "slipway" / "raw").mkdir(parents=True)
    return PrepareDataset(
        namespace="n", name="d", store=Store(endpoint=f"file://{folder / 'store'}", bucket="slipway"),
        source={"objectStore": {"uri": "s3://slipway/raw/"}}, schema="Chat", steps=[{"parse": {"as": "Blend"}}],
        split={}, quality={},
    )  # fmt: skip


def test_files_that_are_too_large_are_left_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = told(tmp_path)
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(tmp_path / "exchange"))
    monkeypatch.setattr(blends, "FILE_LIMIT", 1 << 20)
    (tmp_path / "store" / "slipway" / "raw" / "large.blend").write_bytes(b"x" * ((1 << 20) + 1))
    (tmp_path / "store" / "slipway" / "raw" / "small.blend").write_bytes(b"x")
    blends.bring(job)
    index = Index.model_validate_json((tmp_path / "exchange" / INDEX).read_bytes())
    assert [(one.path, bool(one.refused)) for one in index.fetched] == [("large.blend", True), ("small.blend", False)]
    found = blends.described()
    assert isinstance(found, Origin)
    large, _ = found.files
    [item] = read_blend.read(large, "Chat")
    assert isinstance(item, Rejected)
    assert "larger than 1 MiB" in item.message


def test_without_the_containers_before_nothing_is_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_EXCHANGE", str(tmp_path))
    with pytest.raises(BadConfig, match="the containers that bring and read come before"):
        blends.described()
