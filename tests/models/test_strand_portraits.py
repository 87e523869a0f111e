"""More hair on solved portraits: coverage that is mixed as strands are, and a place in the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models.evaluation.split import held_out
from models.training.data import clean2_index, strand_portraits
from PIL import Image


def sitter(size: int = 512) -> tuple[np.ndarray, np.ndarray]:
    """A disc for a head, dark above, and its colour all over."""
    y, x = np.mgrid[:size, :size]
    alpha = (np.hypot(y - 300, x - 256) < 130).astype(np.float32)
    colour = np.where((y < 280)[..., None], (20.0, 14.0, 8.0), (140.0, 90.0, 70.0)).astype(np.float32)
    return alpha, colour


def test_strands_add_soft_coverage_in_the_hair_s_colour_and_take_none_away() -> None:
    alpha, colour = sitter()
    more, straight = strand_portraits.with_strands(alpha, colour, np.random.default_rng(3))
    assert (more >= alpha - 1e-6).all()
    added = (more > 0.05) & (more < 0.95)
    assert added.sum() > 500
    assert np.argwhere(added)[:, 0].min() < 165  # above the head
    assert more.max() <= 1
    # Strands shade and gleam, but are no skin and no background.
    assert straight[added & (alpha == 0)].mean() < 60
    untouched = (more == 0) & (alpha == 0)
    np.testing.assert_array_equal(straight[untouched], colour[untouched])


def test_each_portrait_that_teaches_has_its_strands_and_they_are_its_own(tmp_path: Path) -> None:
    data, bank = tmp_path / "data", tmp_path / "bank"
    (bank / "london").mkdir(parents=True)
    data.mkdir()
    alpha, colour = sitter()
    names = [held_out("portrait", "london")[0], "london-neutral-x", "london-smiling-x"]
    lines = ["image,source", *(f"portraits/{name}.webp,london" for name in names)]
    (data / "portraits.csv").write_text("\n".join(lines) + "\n")
    for name in names:
        Image.fromarray((alpha * 255).astype(np.uint8)).save(bank / "london" / f"{name}.alpha.png")
        Image.fromarray(colour.astype(np.uint8)).save(bank / "london" / f"{name}.fg.png")
    strand_portraits.main(["--data", str(data), "--bank", str(bank)])
    found = list(clean2_index.stranded(bank))
    assert [entry.name for entry in found] == [f"{name}-strands" for name in names[1:]]
    assert {entry.source for entry in found} == {"strands"}
    drawn = [np.asarray(Image.open(entry.alpha), np.float32) for entry in found]
    assert np.abs(drawn[0] - drawn[1]).mean() > 0.1
    assert all((image / 255).mean() == pytest.approx(alpha.mean(), rel=0.2) for image in drawn)
