"""One of two people, by a place on the plate. The mouse itself needs a window: tests/window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.blender.conftest import Blender, read_exr, to_linear
from tests.conftest import ROOT, WritePlate

from flyaway.evaluation.pixels import resize
from flyaway.pictures.files import read


def test_whoever_stands_where_one_clicks_is_kept(
    blender: Blender, astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path: Path
) -> None:
    portrait = resize(read(ROOT / "examples" / "portrait.jpg")[..., :3], 512, 512)
    portrait = np.clip(portrait * 255, 0, 255).astype(np.uint8)
    plate = tmp_path / "two.exr"
    write_plate(plate, to_linear(np.concatenate([astronaut, portrait], 1)), "float")
    places = {"left": [225.0, 130.0], "right": [768.0, 250.0]}
    facts = blender("people.pick", plate=plate, size=[1024, 512], places=places, folder=tmp_path)
    assert facts["left"] == "225,130@1"
    assert facts["right"] == "768,250@1"
    everybody, left, right = (read_exr(tmp_path / f"{name}.exr")["R"] for name in ("all", "left", "right"))
    assert everybody[:, :512].mean() > 0.2
    assert everybody[:, 512:].mean() > 0.2
    np.testing.assert_array_equal(np.maximum(left, right), everybody)
    assert left[:, 540:].mean() < 0.01
    assert right[:, :480].mean() < 0.01
    assert facts["backdrop"] == [320 + 25, 240 - 10]
    assert facts["plate"] == [300, 250]
    assert "Select the Portrait Matte" in facts["refused"]
