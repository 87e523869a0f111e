"""Sizes and offsets in plain Python, which every backend and engine builds on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flyaway.geometry import disc_offsets, grid_size, padded, working_size


@given(height=st.integers(32, 9000), width=st.integers(32, 9000), cap=st.sampled_from([0, 256, 512, 768]))
def test_the_working_size_keeps_the_shape_and_is_never_larger(height, width, cap):
    h, w = working_size(height, width, cap)
    assert 1 <= h <= height
    assert 1 <= w <= width
    if cap == 0 or max(height, width) <= cap:
        assert (h, w) == (height, width)
    else:
        assert max(h, w) == cap
        assert abs(h * width - w * height) <= max(height, width)


@given(length=st.integers(1, 10_000), multiple=st.sampled_from([1, 16, 32, 128]))
def test_padding_reaches_the_next_multiple(length, multiple):
    assert 0 <= padded(length, multiple) - length < multiple
    assert padded(length, multiple) % multiple == 0
    assert grid_size(length, 1, multiple) == (padded(length, multiple) // multiple, 1)


def test_offsets_are_a_disc_in_one_fixed_order():
    assert disc_offsets(2) == [
        *[(-1, 0), (0, -1), (0, 1), (1, 0)],
        *[(-1, -1), (-1, 1), (1, -1), (1, 1)],
        *[(-2, 0), (0, -2), (0, 2), (2, 0)],
    ]
    span = range(-24, 25)
    assert len(disc_offsets(24)) == sum(y * y + x * x <= 24 * 24 for y in span for x in span) - 1
