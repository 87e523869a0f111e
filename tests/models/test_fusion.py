"""Masks rule away from their edge, the better teacher near it."""

from __future__ import annotations

import numpy as np
from models.training.data.fusion import (
    HAIR_REACH,
    fuse_with_mask,
    fuse_without_mask,
    intersection_over_union,
)


def person(height: int = 120, width: int = 100) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[20:100, 30:70] = True
    return mask


def test_a_hole_in_both_teachers_is_filled_and_an_island_goes() -> None:
    mask = person()
    matte = mask.astype(np.float32)
    matte[50:60, 45:55] = 0
    matte[5:15, 92:99] = 1
    fused = fuse_with_mask(matte, matte, mask)
    assert (fused[45:65, 42:58] == 1).all()
    assert (fused[:16, 70 + HAIR_REACH :] == 0).all()


def test_near_the_edge_the_teacher_that_follows_the_mask_wins() -> None:
    mask = person()
    good = mask.astype(np.float32)
    bad = good.copy()
    bad[20:100, 62:70] = 0
    for pair in ((good, bad), (bad, good)):
        assert fuse_with_mask(*pair, mask)[40:80, 64:69].min() > 0.75


def test_soft_rims_stay_soft() -> None:
    mask = person()
    matte = mask.astype(np.float32)
    matte[20:100, 70:73] = 0.4
    fused = fuse_with_mask(matte, matte, mask)
    assert np.allclose(fused[30:90, 70:73], 0.4, atol=1e-6)


def test_without_a_mask_the_body_teacher_decides_on_what_the_person_carries() -> None:
    heads = person().astype(np.float32)
    bodies = heads.copy()
    bodies[60:80, 70:85] = 1  # a bag, touching
    bodies[5:15, 5:15] = 1  # a thing far off
    fused = fuse_without_mask(heads, bodies)
    assert (fused[62:78, 72:83] == 1).all()
    assert (fused[5:15, 5:15] == 0).all()
    assert (fused[person()] == 1).all()


def test_iou() -> None:
    a, b = np.zeros(8, bool), np.zeros(8, bool)
    assert intersection_over_union(a, b) == 1
    a[:4], b[2:6] = True, True
    assert intersection_over_union(a, b) == 2 / 6
