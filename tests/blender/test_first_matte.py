"""The page for artists does what it says, with the released zip, in a Blender that knows nothing yet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from tests.blender.conftest import run_inside
from tests.conftest import ASTRONAUT, ROOT

PAGE = ROOT / "docs" / "blender" / "first-matte.md"


def test_the_page_s_steps_end_in_a_cut_out(
    blender_python: Path, extension_zip: Path, tmp_path: Path, astronaut: NDArray[Any]
) -> None:
    steps = re.findall(r"<!-- do: (.*?) -->", PAGE.read_text("utf-8"))
    assert len(steps) > 10
    picture = tmp_path / "cut.png"
    names = {"ZIP": str(extension_zip), "PLATE": str(ASTRONAUT), "PICTURE": str(picture)}
    result = run_inside(
        blender_python, tmp_path, "first_matte.follow", {"steps": steps, "names": names}, enable=False
    )
    assert result["menu"]
    assert result["objects"] == ["Camera", "Cube", "Light"]  # a Blender as it is when new
    assert result["view"] == "AgX"
    source = oiio.ImageInput.open(str(picture))
    pixels = np.asarray(source.read_image(0, 0, 0, 4, oiio.FLOAT))
    source.close()
    assert pixels.shape == (512, 512, 4)
    assert pixels[90:150, 200:250, 3].mean() > 0.95  # her face
    assert pixels[:60, :60, 3].mean() < 0.05  # the flag behind her
    # Neither greyed by a view transform nor replaced by a cube: where she is opaque, she is the plate.
    opaque = pixels[..., 3] == 1
    assert opaque.mean() > 0.2
    # In 8 bits, what is hardly not opaque counts among it: there the colour is hers, without the background.
    assert (np.abs(pixels[..., :3] - astronaut / 255)[opaque] < 3 / 255).mean() > 0.999
