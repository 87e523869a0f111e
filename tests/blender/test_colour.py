"""The person's own colour at soft edges, despill, the unknown region: the real zip in a real Blender."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.blender.conftest import FRAMES, SIZE, Blender, read_exr

import flyaway
from flyaway.foreground import Despill, foreground

FLOAT = 1e-5  # what single precision and another order of operations leave
BOUND = 2 / 1024


def colour_of(path: Path) -> NDArray[np.float32]:
    """A file's red, green and blue."""
    channels = read_exr(path)
    return np.stack([channels[name] for name in "RGB"], -1)


def test_each_output_is_what_the_core_makes_of_the_matte(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    facts = blender("colour.outputs", plate=plate, size=SIZE, folder=tmp_path)
    assert facts["outputs"] == ["Image", "Matte", "Foreground", "Unknown"]
    assert facts["inputs"][-3:] == ["Edge Colour", "Despill Green", "Despill Blue"]
    light = colour_of(plate)
    alpha = read_exr(tmp_path / "plate.exr")["A"]
    own = foreground(light, alpha, "linear")
    cover = alpha[..., None]

    def share(name: str, wanted: NDArray[np.floating]) -> float:
        """Of the pixels, how many are as they should be."""
        return float((np.abs(colour_of(tmp_path / f"{name}.exr") - wanted) <= BOUND).mean())

    for name, straight in (
        ("own", own),
        ("between", (own + light) / 2),
        ("despilt", foreground(light, alpha, "linear", despill=Despill("green", 0.7))),
    ):
        assert share(name, straight * cover) >= 0.999, name
        assert share(name, light * cover) < 0.99, f"{name} is no other than the plate"
        np.testing.assert_array_equal(read_exr(tmp_path / f"{name}.exr")["A"], alpha)
    # Its own colour is the plate's, bit for bit, wherever the person is solid.
    solid = alpha == 1
    assert solid.mean() > 0.05
    np.testing.assert_array_equal(colour_of(tmp_path / "own.exr")[solid], light[solid])
    np.testing.assert_array_equal(colour_of(tmp_path / "plate.exr"), light * cover)
    whole = np.ones_like(alpha)
    blue = foreground(light, whole, "linear", despill=Despill("blue", 1.0)) * cover
    assert share("blue", blue) >= 0.999
    assert share("mixed", (own * cover + light) / 2) >= 0.999
    np.testing.assert_allclose(colour_of(tmp_path / "inverted.exr"), light * (1 - cover), atol=FLOAT)
    assert share("Foreground", own) >= 0.999
    assert (colour_of(tmp_path / "Foreground.exr")[alpha == 0] == 0).mean() > 0.5
    display = flyaway.load("fast", device="cpu")(light, "linear")
    assert np.abs(read_exr(tmp_path / "Unknown.exr")["R"] - display.unknown).max() <= BOUND


def test_the_image_is_what_the_command_line_writes(
    blender: Blender, plate: Path, cli: list[str], tmp_path: Path
) -> None:
    blender("parity.render", plate=plate, size=SIZE, out=tmp_path)
    target = tmp_path / "cli.exr"
    subprocess.run(
        [*cli, "matte", plate, "-o", target, "--output", "rgba", "--in-space", "linear"], check=True
    )
    apart = np.abs(colour_of(tmp_path / "0001.exr") - colour_of(target))
    assert (apart <= BOUND).mean() >= 0.999


def test_colour_needs_no_network_once_there_is_a_matte(blender: Blender, plate: Path, tmp_path: Path) -> None:
    facts = blender("colour.kept", plate=plate, size=SIZE, frames=FRAMES, folder=tmp_path)
    # One empty matte before the range (frame 0), one after it.
    assert facts["first"]["matte"] == facts["first"]["unknown"] == FRAMES[0] + 2
    for name in ("estimated", "from disk", "unknown"):
        assert facts[name] == [["cached", ""]] * FRAMES[0], name
    assert facts["second"] == dict.fromkeys(("matte", "unknown", "colour"), FRAMES[0] + 2)
    blender("node_cache.without", enable=False, folder=tmp_path, frames=FRAMES)
    for frame in range(FRAMES[1], FRAMES[1] + FRAMES[0]):
        live, disk, without = (
            colour_of(tmp_path / f"{name}.{frame:04d}.exr") for name in ("live", "disk", "without")
        )
        assert np.abs(live - disk).max() <= BOUND
        np.testing.assert_array_equal(disk, without)
        assert read_exr(tmp_path / f"unknown.{frame:04d}.exr")["R"].max() > 0.5


def test_a_node_of_an_earlier_release_renders_as_it_did(
    blender: Blender, plate: Path, tmp_path: Path
) -> None:
    facts = blender("colour.upgraded", plate=plate, size=SIZE, folder=tmp_path)
    assert facts["was"] == [8, 2]
    assert facts["is"] == [11, 4]
    assert facts["changed"] == [True, False]
    assert facts["apart"] == 0
    assert facts["other edges"] > 0.01
