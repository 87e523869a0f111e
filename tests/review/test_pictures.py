"""The pictures of a review: the person's own colour, where the comp is mixed from it."""

from __future__ import annotations

import numpy as np

from flyaway.color import linear_to_srgb, srgb_to_linear
from flyaway.pictures.convert import GREEN, over_green
from flyaway.review.pictures import own_colour


def test_a_comp_of_a_review_has_no_old_background_at_soft_edges():
    cover = np.tile(np.clip(np.linspace(-3, 4, 120, dtype=np.float32), 0, 1), (60, 1))
    front, behind = np.float32([0.1, 0.05, 0.02]), np.float32([0.8, 0.8, 0.9])
    shown = linear_to_srgb(front * cover[..., None] + behind * (1 - cover[..., None]))
    soft = (cover > 0.2) & (cover < 0.9)
    meant = linear_to_srgb(front * cover[..., None] + GREEN * (1 - cover[..., None]))
    found = over_green(own_colour(shown, cover), cover)
    old = linear_to_srgb(srgb_to_linear(shown) * cover[..., None] + GREEN * (1 - cover[..., None]))
    assert np.abs(found - meant)[soft].mean() < 0.3 * np.abs(old - meant)[soft].mean()
    own = own_colour(shown, cover)
    assert np.array_equal(own[cover >= 1], shown[cover >= 1])
    assert np.array_equal(own[:, :20], shown[:, :20])


def test_a_picture_too_small_to_have_an_edge_is_left():
    shown = np.full((8, 100, 3), 0.5, np.float32)
    assert own_colour(shown, np.full((8, 100), 0.5, np.float32)) is shown
