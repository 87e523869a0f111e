"""A model with memory in Blender: ranges and strips are shots, and no still is taken for a frame of one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, to_linear
from tests.conftest import WritePlate

from flyaway.weights import ModelInfo

HALF = 1 / 2048  # what a matte loses on disk
SIZE = [128, 128]
STILL = "a still: Range makes a shot"


@pytest.fixture
def plate(astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path: Path) -> Path:
    """The first of six plates of 128×128, in which somebody moves and light changes."""
    linear = to_linear(astronaut)[::4, ::4]
    for index in range(6):
        moved = np.roll(linear, 2 * index, 1) * np.float32(1 - 0.06 * index)
        write_plate(tmp_path / f"plate.{1 + index:04d}.exr", moved, "float")
    return tmp_path / "plate.0001.exr"


@pytest.fixture
def model(memory_info: ModelInfo) -> list[str]:
    """The name of a model with memory, and the folder of its manifest."""
    file = next(iter(memory_info.files.values())).path
    folder = next(path for path in file.parents if (path / "manifest.json").is_file())
    return [memory_info.name, str(folder)]


def test_a_range_is_a_shot_also_where_it_was_broken_off(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    facts = blender("shots.analysed", plate=plate, size=SIZE, model=model, folder=tmp_path)
    assert facts["statuses"] == ["matted"] * 6
    assert max(facts["as a shot"]) <= HALF
    assert facts["as stills"][0] <= HALF
    assert max(facts["as stills"][1:]) > 0.05, "the test's model remembers nothing"
    assert facts["memories"] == ["1"] * 6
    assert facts["again"] == ["cached"] * 6
    assert facts["left"] == []
    # What was begun when it was broken off is not in the state; without one the shot is run again.
    for name in ("broken off", "state lost"):
        assert facts[f"{name}: states"] == ["shot.0003.npz"]
        assert facts[name] == ["cached"] * 3 + ["matted"] * 3
        assert facts[f"{name}: apart"] == [0.0] * 6
    assert facts["handles"] == ["matted"] * 3
    assert facts["handles: memory"] == [None] * 3 + ["1"] * 3
    assert facts["handles: apart"] == 0, "three handles are the whole shot here"


def test_states_are_thinned_as_a_batch_thins_them(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    """At most three are kept here, of each second frame and then of each."""
    facts = blender("shots.thinned", plate=plate, size=SIZE, model=model, folder=tmp_path)
    assert facts["four: statuses"] == ["matted"] * 4
    assert facts["four"] == ["shot.0002.npz", "shot.0004.npz"]
    assert facts["all: statuses"] == ["cached"] * 4 + ["matted"] * 2
    assert facts["all"] == ["shot.0002.npz", "shot.0004.npz", "shot.0006.npz"]
    assert facts["each: statuses"] == ["matted"] * 6
    assert facts["each"] == ["shot.0001.npz", "shot.0005.npz", "shot.0006.npz"]
    assert max(facts["apart"]) <= HALF


def test_a_plate_that_changes_makes_the_frames_after_it_stale(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    facts = blender("shots.stale", plate=plate, size=SIZE, model=model, folder=tmp_path)
    assert facts["fresh"] == [1, 2, 3, 4, 5]
    assert facts["changed"] == facts["missing"] == facts["changed places"] == [1]
    assert facts["back"] == [1, 2, 3, 4, 5]
    assert facts["failed"] == ["cached", "cached", "failed", "matted", "matted"]
    assert max(facts["failed: as without it"]) <= HALF
    assert facts["failed: fresh"] == [1, 2, 4, 5]
    assert facts["failed: again"] == ["cached", "cached", "failed", "cached", "cached"]
    assert facts["mended: fresh"] == [1, 2, 3]  # its matte from before is of that very plate
    assert facts["mended"] == ["cached"] * 3 + ["matted"] * 2
    assert max(facts["mended: apart"]) <= HALF


def test_a_frame_that_fails_does_not_poison_the_next(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    facts = blender("shots.failing", plate=plate, size=SIZE, model=model, folder=tmp_path)
    assert facts["failed"] == ["matted", "matted", "failed", "matted", "matted"]
    assert max(facts["as without it"]) <= HALF
    assert facts["fresh"] == [1, 2, 4, 5]
    # Once it can be had, those after it remember it: they are made anew.
    assert facts["again"] == ["cached", "cached", "matted", "matted", "matted"]
    assert max(facts["again: apart"]) <= HALF
    assert facts["and again"] == ["cached"] * 5


def test_a_still_is_never_taken_for_a_frame_of_a_shot_nor_the_other_way_round(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    facts = blender("shots.alone", plate=plate, size=SIZE, model=model, folder=tmp_path)
    assert facts["frame"] == ["matted"]
    assert max(facts["a still"]) <= HALF
    assert facts["label"] == f"Portrait Matte: cached frame 3, {STILL}"
    assert facts["fresh as a shot's"] == []
    assert facts["f12"] == [["cached", STILL]]  # what the render would have made, and it says so
    assert facts["frame again"] == ["cached"]
    assert facts["range"] == ["matted"] * 3
    assert facts["range: label"] == "Portrait Matte: cached 1-3"
    assert facts["f12 of the shot"] == [["cached", ""]]
    assert facts["switched: fresh"] == []
    assert facts["switched: f12"] == [["matted", ""]]
    assert facts["switched"] == ["matted"] * 3
    assert max(facts["switched: apart"]) <= HALF
    assert facts["switched back: fresh"] == []
    assert facts["live"] == [["matted", STILL]]
    assert facts["photograph"] == ["matted"] * 3
    assert facts["photograph: memories"] == [""] * 3


def test_a_single_frame_goes_on_with_its_shot_where_the_frame_before_was_the_last(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    facts = blender("shots.stepped", plate=plate, size=SIZE, model=model, folder=tmp_path)
    for number in (3, 4):
        assert facts[f"frame {number}"] == [["matted", f"goes on from frame {number - 1}"]]
        assert (
            facts[f"frame {number}: label"]
            == f"Portrait Matte: cached frame {number}, goes on from frame {number - 1}"
        )
    assert facts["memories"] == ["1"] * 4
    assert max(facts["apart"]) <= HALF
    assert facts["range"] == ["cached"] * 4 + ["matted"]
    assert max(facts["range: apart"]) <= HALF
    assert facts["changed"] == [["matted", STILL]]


def test_a_strip_is_a_shot_with_a_switch_back(
    blender: Blender, plate: Path, model: list[str], tmp_path: Path
) -> None:
    weights = tmp_path / "models"  # in which it is what a new node has
    shutil.copytree(model[1], weights)
    manifest = json.loads((weights / "manifest.json").read_text("utf-8"))
    manifest["models"] = {"fast": manifest["models"][model[0]]}
    (weights / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    facts = blender("shots.strip", plate=plate, size=SIZE, model=["fast", str(weights)], folder=tmp_path)
    assert facts["shot"][:2] == [None] * 2
    assert [memory.partition(":")[0] for memory in facts["shot"][2:]] == ["1"] * 3  # two handles
    assert facts["stills"] == [None, None, "", "", ""]
