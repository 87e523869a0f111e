"""A fresh matte is used and a stale one is noticed, whatever is upstream."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, to_linear
from tests.conftest import WritePlate

SIZE = [128, 128]
NOTICED = [True, False, True]  # fresh, stale after the edit, fresh again when it was taken back


@pytest.fixture
def plate(astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path: Path) -> Path:
    """The first of two plates of 128×128."""
    linear = to_linear(astronaut)[::4, ::4]
    write_plate(tmp_path / "plate.0002.exr", np.roll(linear, 9, 1), "float")
    return write_plate(tmp_path / "plate.0001.exr", linear, "float")


def test_edits_upstream_are_noticed_and_others_are_not(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("stale.compositing", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    unmoved = {name: facts.pop(name) for name in ("levels downstream", "frame shown")}
    assert unmoved == {name: [True, True, True] for name in unmoved}
    assert len(facts) == 6
    assert facts == dict.fromkeys(facts, NOTICED)


def test_a_3d_scene_is_stale_by_its_edits_and_not_by_its_motion(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    facts = blender("stale.three_d", plate=plate, size=SIZE, folder=tmp_path)
    facts.pop("output")
    for name in ("shown at 1", "shown at 2"):
        assert facts.pop(name) == [True, True]
    assert len(facts) == 7
    assert facts == dict.fromkeys(facts, NOTICED)
