"""Pixels that are not square, pictures that are turned or mirrored: decided in one place, in plain Python."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tests.files import DISPLAY_MATRICES

from flyaway.geometry import believed_aspect, is_turned, orientation_of, upright, viewing_size

# EXIF orientation → where the stored picture's top left and top right corners are seen (CIPA DC-008, 4.6.4).
SEEN = {
    1: ("top left", "top right"),
    2: ("top right", "top left"),
    3: ("bottom right", "bottom left"),
    4: ("bottom left", "bottom right"),
    5: ("top left", "bottom left"),
    6: ("top right", "bottom right"),
    7: ("bottom right", "top right"),
    8: ("bottom left", "top left"),
}
CORNERS = {"top left": (0, 0), "top right": (0, -1), "bottom left": (-1, 0), "bottom right": (-1, -1)}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_corners_are_seen_where_exif_says(orientation):
    stored = np.arange(6 * 4 * 3).reshape(6, 4, 3)
    turned = upright(stored, orientation)
    assert turned.shape == ((4, 6, 3) if is_turned(orientation) else (6, 4, 3))
    for corner, name in zip((stored[0, 0], stored[0, -1]), SEEN[orientation], strict=True):
        np.testing.assert_array_equal(turned[CORNERS[name]], corner)
    np.testing.assert_array_equal(upright(stored[..., 0], orientation), turned[..., 0])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("scale", [1, 0x10000])
def test_a_display_matrix_is_one_of_the_eight(orientation, scale):
    a, b, c, d = (scale * value for value in DISPLAY_MATRICES[orientation])
    assert orientation_of(a, b, c, d) == orientation
    # By the definition: each stored pixel goes where the matrix sends it.
    stored = np.arange(5 * 7).reshape(5, 7)
    places = {(a * x + c * y, b * x + d * y): stored[y, x] for y in range(5) for x in range(7)}
    columns, rows = (sorted({place[axis] for place in places}) for axis in (0, 1))
    sent = np.array([[places[x, y] for x in columns] for y in rows])
    np.testing.assert_array_equal(upright(stored, orientation), sent)


@pytest.mark.parametrize(("degrees", "nearest"), [(5, 1), (-40, 1), (50, 6), (135 - 1, 6), (180 + 30, 3)])
def test_a_turn_by_another_angle_is_the_nearest_quarter(degrees, nearest):
    turn = np.deg2rad(degrees)
    cos, sin = (int(0x10000 * value) for value in (np.cos(turn), np.sin(turn)))
    assert orientation_of(cos, sin, -sin, cos) == nearest


@pytest.mark.parametrize(
    ("height", "width", "aspect", "size"),
    [
        (1556, 1828, 2.0, (1556, 3656)),
        (576, 720, 16 / 15, (576, 768)),
        (486, 720, 0.9, (540, 720)),
        (1080, 1920, 1.0, (1080, 1920)),
        (1080, 1920, 1.001, (1080, 1920)),
        (1080, 1920, 0.0, (1080, 1920)),
        (1080, 1920, float("nan"), (1080, 1920)),
        (1080, 1920, 1e6, (1080, 1920)),
        (200, 100, 2.0, (512, 512)),
        (100, 200, 0.5, (512, 512)),
        (341, 341, 1.0, (512, 512)),
        (300, 300, 2.0, (300, 600)),
    ],
)
def test_a_plate_is_looked_at_with_square_pixels_and_loses_none(height, width, aspect, size):
    assert viewing_size(height, width, aspect) == size


@pytest.mark.parametrize(
    ("height", "width", "aspect", "size"),
    [
        (720, 1280, 1.0, (720, 1280)),  # as it is
        (2160, 3840, 1.0, (720, 1280)),
        (1716, 4096, 1.0, (536, 1280)),  # wider: the longer side rules
        (3840, 2160, 1.0, (1280, 720)),
        (2048, 2048, 1.0, (960, 960)),  # less wide: no more pixels than in the frame
        (1536, 2048, 1.0, (831, 1109)),
        (1080, 1440, 4 / 3, (720, 1280)),
        (965, 965, 1.0, (965, 965)),  # a hundredth more is not worth a reduction
        (900, 900, 1.0, (900, 900)),
        (200, 100, 2.0, (512, 512)),
    ],
)
def test_a_large_plate_is_looked_at_with_no_more_pixels_than_a_wide_frame_has(height, width, aspect, size):
    found = viewing_size(height, width, aspect, 1280)
    assert found == size
    assert viewing_size(*found, cap=1280) == found  # what was reduced is not reduced again


@pytest.mark.parametrize("aspect", [0, -1, 100, float("inf"), float("nan")])
def test_an_aspect_that_no_pixel_has_is_not_believed(aspect):
    assert believed_aspect(aspect) == 1


def test_the_room_needs_nothing():
    code = (
        "import importlib.util, sys\n"
        "spec = importlib.util.spec_from_file_location('geometry', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "assert not {'numpy', 'torch', 'flyaway'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, sys.modules[viewing_size.__module__].__file__], check=True)
