"""`--alpha-in` on the command line, with the released model."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import OpenImageIO as oiio


def test_a_faint_alpha_ruins_no_matte(start, tmp_path, write_plate, astronaut):
    """The same picture with a faint alpha: told, and matted as if it were not there."""
    colour = (astronaut[:256, 100:356].astype(np.float32) / 255) ** np.float32(2.2)
    alpha = np.full((*colour.shape[:2], 1), 1e-4, np.float32)
    write_plate(tmp_path / "faint.exr", np.concatenate([colour, alpha], axis=-1), "float")
    run = partial(start, "matte", "faint.exr", "--coarse-only", environment=os.environ)
    told = run("-o", "a.exr")
    assert "cannot be the coverage" in told.stdout + told.stderr
    quiet = run("-o", "b.exr", "--alpha-in", "ignore")
    assert "coverage" not in quiet.stdout + quiet.stderr
    first, second = (
        oiio.ImageBuf(str(tmp_path / name)).get_pixels(oiio.FLOAT) for name in ("a.exr", "b.exr")
    )
    assert 0.2 < first.mean() < 0.9
    np.testing.assert_array_equal(first, second)
