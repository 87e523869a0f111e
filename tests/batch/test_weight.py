"""What a frame weighs, from its header alone."""

from __future__ import annotations

import numpy as np

from flyaway.batch.report import FrameTask
from flyaway.batch.weight import weigh
from flyaway.frames import WriteOptions


def test_a_comp_weighs_what_its_format_has_and_a_matte_what_its_plate_has(tmp_path, write_plate):
    part = np.zeros((40, 40, 3), np.float32)
    cropped = write_plate(tmp_path / "cropped.exr", part, window=(10, 10), display=(0, 0, 400, 300))
    whole = write_plate(tmp_path / "whole.exr", np.zeros((300, 400, 3), np.float32))

    def weight(path, output: str) -> int:
        over = "grey" if output == "comp" else None
        return weigh(FrameTask(path, (), 1), [WriteOptions(output, over=over)])

    assert weight(cropped, "comp") == weight(whole, "comp") > 0
    assert weight(cropped, "rgba") * 75 == weight(whole, "rgba")


def test_a_frame_of_a_shot_weighs_what_its_canvas_has(tmp_path, write_plate):
    part = np.zeros((40, 40, 3), np.float32)
    cropped = write_plate(tmp_path / "cropped.exr", part, window=(10, 10), display=(0, 0, 400, 300))

    def weight(**more) -> int:
        return weigh(FrameTask(cropped, (), 1), [WriteOptions()], **more)

    assert weight(shot=True) - weight() == (400 * 300 - 40 * 40) * 64


def test_masks_and_raw_mattes_weigh_too(tmp_path, write_plate):
    plate = write_plate(tmp_path / "plate.exr", np.zeros((30, 40, 3), np.float32))

    def weight(**more) -> int:
        return weigh(FrameTask(plate, (), 1), [WriteOptions()], **more)

    pixels = 30 * 40
    assert weight(masks=2) - weight() == 2 * 16 * pixels
    # Two channels of floats, and what is read back to compare them with.
    assert weight(raw=1) - weight() == 2 * 8 * pixels
