"""The node: its settings, company, cache, failures and geometry, on the real zip in a real Blender."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.blender.conftest import FRAMES, SIZE, Blender, read_exr
from tests.conftest import ROOT

import flyaway

FLOAT = 1e-5  # what single precision and another order of operations leave
HALF = 1 / 2048  # what a matte loses on disk


def test_settings_do_what_they_say(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.settings", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    assert len(facts) == 14
    assert max(facts.values()) <= FLOAT, facts


def test_garbage_and_core_mattes_are_pictures(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("inputs.pictures", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    assert len(facts) == 11
    assert max(facts.values()) <= FLOAT, facts


def test_controls_work_on_the_raw_mattes_of_the_cache(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node_cache.worked", plate=plate, size=SIZE, frames=FRAMES, folder=tmp_path)
    # Changing a control runs no network: what is on disk is the network's own.
    assert facts["raw"] == facts["live"] == ["cached"] * FRAMES[0]
    assert min(facts["apart"], facts["upright"]) <= FLOAT, facts
    assert facts["stale"] == [True, False]
    assert facts["analysed again"] == ["cached"] * FRAMES[0]
    assert facts["followed"] == list(range(FRAMES[1], FRAMES[1] + FRAMES[0]))
    there = blender("node_cache.without", folder=tmp_path, frames=FRAMES, enable=False)
    assert max(there["apart"]) <= HALF + FLOAT, there


def test_what_no_output_needs_is_not_matted_and_cannot_fail(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    facts = blender("inputs.not_needed", plate=plate, size=SIZE, folder=tmp_path)
    first, lame = "Portrait Matte", "Portrait Matte.001"
    assert facts["needed"] == [[lame, "failed"], [first, "matted"]]
    assert facts["behind a muted link"] == [[first, "matted"]]
    assert facts["behind a muted node"] == []
    assert facts["one output of a group"] == [["Outer > Good", "matted"]]
    assert facts["the other"] == [["Outer > Bad", "failed"]]


def test_mattes_behind_mattes_in_groups_and_muted(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.several", plate=plate, size=SIZE, folder=tmp_path)
    assert [entry[2] for entry in facts["behind"]] == ["matted", "matted"]
    assert [entry[0] for entry in facts["behind"]] == ["Portrait Matte", "Portrait Matte.001"]
    assert facts["muted"] == 0
    assert len(facts["muted records"]) == 1
    assert facts["grouped"] == 0
    assert [entry[2] for entry in facts["grouped records"]] == ["matted"]
    assert any(entry[2] == "failed" and "single user" in entry[3] for entry in facts["twice"])


def test_analysed_frames_come_from_disk_and_stale_ones_do_not(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    facts = blender("node_cache.cached", plate=plate, size=SIZE, frames=FRAMES, folder=tmp_path)
    assert facts["live"] == ["matted"] * 3
    assert facts["analysed"] == ["matted"] * 2
    assert facts["label"] == "Portrait Matte: cached 1-2"
    assert facts["cached"] == ["cached", "cached", "matted"]
    assert facts["difference"] <= HALF
    assert facts["other settings"] == ["matted"] * 3
    assert facts["touched"] == ["matted", "cached", "matted"]
    assert [path.startswith("//flyaway_mattes/") for path in facts["relative"]] == [True]
    bare = blender("node_cache.without", enable=False, folder=tmp_path, frames=FRAMES)
    assert max(bare["apart"][:2]) <= HALF
    assert bare["means"][2] == 0, "a frame that was never analysed shows a neighbour's matte"


def test_a_failure_is_seen_everywhere(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.failing", plate=plate, size=SIZE, folder=tmp_path)
    assert facts["good"] > 0.1
    assert facts["bad"] == 0, "a frame without a matte must not look like one with"
    assert [entry[2] for entry in facts["records"]] == ["failed"]
    assert "none such" in facts["records"][0][3]
    assert "failed" in facts["label"]
    assert "none such" in facts["operator"]
    assert "nothing is plugged into Image" in facts["unplugged"][0][3]


def test_pixels_stay_where_they_are(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.geometry", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    # Pixels that are twice as wide are looked at in proportion, as the core does when it is told.
    assert facts.pop("beside its aspect") > FLOAT
    colour = np.stack([read_exr(plate)[channel] for channel in "RGB"], -1)
    expected = flyaway.load("fast", device="cpu")(colour, "linear", pixel_aspect=2.0).alpha
    assert (np.abs(read_exr(tmp_path / "aspect.exr")["A"] - expected) <= 2 / 1024).mean() >= 0.999
    assert set(facts) == {"larger", "smaller", "percentage", "moved"}
    assert max(facts.values()) <= FLOAT, facts


def test_another_working_space_leaves_the_matte_alone(blender: Blender, plate: Path, tmp_path: Path) -> None:
    mattes = []
    for space in ("Linear Rec.709", "ACEScg"):
        facts = blender("node.working_space", plate=plate, size=SIZE, folder=tmp_path, space=space)
        assert facts["space"] == space
        mattes.append(read_exr(tmp_path / f"{space}.exr")["A"])
    assert (np.abs(mattes[0] - mattes[1]) <= 2 / 1024).mean() >= 0.999


def test_clips_and_strips(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.clip_and_strip", plate=plate, size=SIZE, folder=tmp_path)
    assert facts["clip"] <= FLOAT
    assert facts["strip"] <= 2 / 255, "the sequencer may work in 8 bits"


def test_mattes_lie_as_their_strip_lies(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("inputs.strips", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    assert len(facts) == 4
    # 4.x lays them exactly, later ones resample a scaled strip's mask once more; laid wrongly, it is 0.3.
    assert max(facts.values()) <= 0.02, facts


def test_a_reversed_strip_is_refused(blender: Blender, plate: Path, tmp_path: Path) -> None:
    """Retiming, the other reason, needs a window: tests/window."""
    facts = blender("inputs.reversed_strip", plate=plate, size=SIZE, folder=tmp_path)
    assert "matte it as it was shot" in facts["reply"]
    assert facts["made"] == 0


def test_preferences_are_kept_to_and_what_they_change_goes_stale(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "models"
    shutil.copytree(ROOT / "models" / "weights", weights)
    manifest = json.loads((weights / "manifest.json").read_text("utf-8"))
    manifest["models"]["other"] = manifest["models"].pop("fast")
    (weights / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    facts = blender("node.preferences", plate=plate, size=SIZE, weights=weights, folder=tmp_path)
    offered = {"auto", "cpu"} | ({"cuda"} if "CUDAExecutionProvider" in facts["providers"] else set())
    assert set(facts["set"]) == offered
    assert set(facts["refused"]) == {"auto", "cpu", "cuda", "coreml"} - offered
    assert facts["choices"] == [["cpu", 1]]
    assert [Path(path).parts[0] for path in facts["kept"]][:1] == ["elsewhere"]
    became = {name: facts[name] for name in ("cached", "same model", "other model", "back", "other core")}
    assert became == {
        "cached": "cached",
        "same model": "cached",
        "other model": "matted",
        "back": "cached",
        "other core": "matted",
    }
    assert facts["core again"] == "cached"
    assert max(value for name, value in facts.items() if name.endswith(" apart")) <= HALF


def test_blender_does_not_ask_about_mattes_on_quitting(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("node.quitting", plate=plate, size=SIZE, folder=tmp_path)
    # The matte, and the person's colour.
    assert len(facts["asked before"]) == 2
    assert facts["asked"] == []
    assert min(facts["means"]) > 0.05
    assert facts["again"] == 0
    without = blender(
        "files.open_and_render",
        enable=False,
        blend=tmp_path / "shot.blend",
        out=tmp_path / "without.exr",
    )
    assert without["alpha"] == 0
    back = blender("files.open_and_render", blend=tmp_path / "shot.blend", out=tmp_path / "back.exr")
    assert back["alpha"] > 0.1


def test_a_matte_in_a_strip_s_compositor_modifier_is_refused_aloud(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    version = blender("install.version")["version"]
    if version < [5, 0, 0]:
        pytest.skip(f"Blender {version[0]}.{version[1]} has no Compositor modifier")
    facts = blender("node.strip_modifier", plate=plate, size=SIZE, folder=tmp_path)
    assert abs(facts["plain"] - facts["inverted"]) > 0.05
    assert facts["failed before"] == []
    assert facts["matted"] == 0
    assert [entry[2] for entry in facts["records"]] == ["failed"]
    assert "Strip > Portrait Matte" in facts["records"][0][3]
