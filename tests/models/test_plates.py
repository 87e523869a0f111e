"""The bank of plates that training draws from."""

from __future__ import annotations

import numpy as np
import torch
from models.training.plates import LEVELS, build


def test_labels_of_another_size_lie_on_their_own_picture_and_on_no_other() -> None:
    """A label that was a line off by rounding moved the trust of every picture after it."""
    rng = np.random.default_rng(0)
    files = {
        "a": rng.integers(0, 256, (40, 30, 3), np.uint8),
        "b": rng.integers(0, 256, (24, 50, 3), np.uint8),
    }
    half = np.zeros((41, 30, 3), np.uint8)
    half[:, 15:] = 255
    files |= {"a.alpha": half[:39], "a.trust": half}
    corner = np.full((24, 50, 3), 255, np.uint8)
    corner[:10, :20] = 0
    files |= {"b.alpha": corner, "b.trust": corner}
    rows = [{"colour": n, "alpha": f"{n}.alpha", "trust": f"{n}.trust", "source": "x"} for n in "ab"]
    bank = build(rows, files, torch.device("cpu"))
    assert bank.trust is not None
    assert len(bank.trust) == len(bank.words)

    affine = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    for which, (height, width), wanted in ((0, (40, 30), half[:40]), (1, (24, 50), corner)):
        picture = torch.tensor([which])
        trust = bank.sample_trust(picture, affine, (height, width))[0, 0]
        alpha = bank.sample(picture, affine, (height, width))[0, 3]
        np.testing.assert_allclose(trust, wanted[..., 0] / 255, atol=1e-6)
        np.testing.assert_allclose(alpha, wanted[..., 0] / 255, atol=1e-6)
    assert bank.starts.shape == (2, LEVELS)
