"""The alpha that Blender renders is the alpha that `flyaway matte` writes for the same plate."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, read_exr, to_linear
from tests.conftest import WritePlate

import flyaway

BOUND = 2 / 1024
FLIPPED = 0.02
SHARE = 0.999
FIRST = 1001


@pytest.fixture(scope="module")
def plates(
    astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Scene-linear EXRs by name."""
    folder = tmp_path_factory.mktemp("plates")
    linear = to_linear(astronaut)
    # Graded hot and cold at once: highlights far above 1, shadows below 0, as a plate comes from a grade.
    hdr = linear * np.array([5.0, 3.0, 2.0], np.float32) - np.float32(0.01)
    made = {
        "linear": write_plate(folder / "linear.exr", linear),
        "odd": write_plate(folder / "odd.exr", linear[11:394, 40:297], "float"),
        "hdr": write_plate(folder / "hdr.exr", hdr, "float"),
    }
    for index in range(5):
        frame = linear[3 * index : 3 * index + 400, 5 * index : 5 * index + 440]
        write_plate(folder / f"walk.{FIRST + index}.exr", frame)
    return made | {"sequence": folder / f"walk.{FIRST}.exr"}


@pytest.mark.parametrize("name", ["linear", "odd", "hdr", "sequence"])
def test_what_blender_renders_is_what_the_command_line_writes(
    name: str, plates: dict[str, Path], blender: Blender, cli: list[str], tmp_path: Path
) -> None:
    count = 5 if name == "sequence" else 1
    plate = plates[name]
    height, width = read_exr(plate)["R"].shape
    frames = [count, FIRST] if name == "sequence" else None
    result = blender("parity.render", plate=plate, size=[width, height], out=tmp_path, frames=frames, edges=0)
    assert len(result["written"]) == count
    source = plate.with_name(f"walk.####{plate.suffix}") if name == "sequence" else plate
    target = tmp_path / ("cli.####.exr" if name == "sequence" else "cli.exr")
    options = ["--in-space", "linear", "--device", "cpu", "--stills"]  # what a render makes
    subprocess.run([*cli, "matte", source, "-o", target, *options], check=True)
    with np.load(tmp_path / "cells.npz") as kept:
        cells = list(kept.values())
    matting = flyaway.load("fast", device="cpu")
    for index, written in enumerate(result["written"]):
        number = FIRST + index
        pixels = read_exr(plate.with_name(f"walk.{number}.exr") if frames else plate)
        colour = np.stack([pixels[channel] for channel in "RGB"], -1)
        rendered = read_exr(tmp_path / written)
        expected = read_exr(tmp_path / (f"cli.{number}.exr" if frames else "cli.exr"))["A"]
        difference = np.abs(rendered["A"] - expected)
        share = float((difference <= BOUND).mean())
        flipped = int((cells[index] != matting(colour, "linear").cells).sum())
        print(
            f"{name} {number if frames else ''}: {share:.5f} of pixels within 2/1024, at most "
            f"{difference.max():.5f} apart, {flipped} of {cells[index].size} cells flipped"
        )
        assert share >= SHARE
        # What Blender's half float and the command line's rounding decide otherwise about a cell.
        assert flipped <= FLIPPED * cells[index].size
        # Premultiplied, float, scene-linear: values above 1 and below 0 come through as they are.
        image = np.stack([rendered[channel] for channel in "RGB"], -1)
        np.testing.assert_allclose(image, colour * rendered["A"][..., None], rtol=1e-6, atol=1e-7)
        assert np.abs(image).max() > (1.5 if name == "hdr" else 0.5)
