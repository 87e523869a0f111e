"""Nuke's frame grammar: every row of the table in its manual, and what people mistype."""

from __future__ import annotations

import pytest
from flyaway_nuke.bake.errors import RangeError
from flyaway_nuke.bake.ranges import format_range, parse_range


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("3", [3]),
        ("-3", [-3]),
        ("1 3 4 8", [1, 3, 4, 8]),
        ("1-10", list(range(1, 11))),
        ("-3-4", [-3, -2, -1, 0, 1, 2, 3, 4]),
        ("-8--5", [-8, -7, -6, -5]),
        ("1-10x2", [1, 3, 5, 7, 9]),
        ("1-10×3", [1, 4, 7, 10]),
        ("1-4x1 8-10x1 12-14x1", [1, 2, 3, 4, 8, 9, 10, 12, 13, 14]),
        ("1001,1003, 1002", [1001, 1002, 1003]),
        ("5-1", [1, 2, 3, 4, 5]),
        ("1-3 2-4", [1, 2, 3, 4]),
    ],
)
def test_nukes_grammar(text, frames):
    assert parse_range(text) == frames


@pytest.mark.parametrize("text", ["", "  ", "a", "1-", "1-2x", "1..5", "1-5x0", "1-99999999", "1 -", "--1"])
def test_nonsense_says_how_it_is_written(text):
    with pytest.raises(RangeError, match=r"for example|digit too many"):
        parse_range(text)


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([1], "1"),
        ([1, 2], "1-2"),
        ([1, 3], "1,3"),
        ([1, 3, 5, 7, 9, 20], "1-9x2,20"),
        ([-8, -7, -6, 4], "-8--6,4"),
        ([5, 1, 2, 3], "1-3,5"),
        (range(1001, 1101), "1001-1100"),
    ],
)
def test_short_ranges_say_the_same_frames(frames, text):
    assert format_range(frames) == text
    assert parse_range(text) == sorted(set(frames))
