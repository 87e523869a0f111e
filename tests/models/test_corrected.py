"""Own mattes put right by hand: what each kind of outline does, and how a table of them is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models.training.data import clean2_index, corrected
from models.training.data.corrected import Outline, read_corrections
from PIL import Image

LEFT: Outline = [(0.0, 0.0), (0.45, 0.0), (0.45, 1.0), (0.0, 1.0)]


def mattes() -> tuple[np.ndarray, np.ndarray]:
    """The right half is somebody, and believed but for a corner."""
    alpha = np.zeros((320, 320), np.float32)
    alpha[:, 160:] = 1
    trust = np.ones_like(alpha)
    trust[:60, :60] = 0
    return alpha, trust


def test_somebody_is_believed_but_for_the_outline() -> None:
    alpha, trust = corrected.corrected(*mattes(), [("somebody", LEFT)])
    assert alpha[:, :144].min() == alpha[:, 160:].min() == 1
    assert trust[30, 30] == trust[160, 30] == 1
    assert trust[160, 143] == 0  # the hand may have been some pixels off
    assert trust[160, 160:].min() == 1  # where the matte said so already


def test_nobody_is_laid_before_somebody_and_unsure_last() -> None:
    whole: Outline = [(0, 0), (1, 0), (1, 1), (0, 1)]
    small: Outline = [(0.7, 0.4), (0.9, 0.4), (0.9, 0.6), (0.7, 0.6)]
    alpha, trust = corrected.corrected(
        *mattes(), [("unsure", [(0, 0.8), (1, 0.8), (1, 1), (0, 1)]), ("somebody", small), ("nobody", whole)]
    )
    assert alpha[160, 256] == 1
    assert alpha[64, 256] == alpha[160, 64] == 0
    assert trust[160, 256] == trust[64, 256] == 1
    assert trust[300].max() == 0


def test_what_is_cut_keeps_its_matte_and_all_else_is_nobody() -> None:
    alpha, trust = corrected.corrected(*mattes(), [("cut", [(0.3, 0), (0.8, 0), (0.8, 1), (0.3, 1)])])
    assert alpha[160, 192] == 1
    assert alpha[160, 288] == alpha[160, 128] == 0
    assert trust[160, 300] == trust[160, 192] == trust[160, 100] == 1
    assert trust[160, 258] == 0


@pytest.mark.parametrize(
    "line", ["a,person,0 0 5 5 9 0", "a,nobody,0 0 5 5", "a,nobody,0 0 5 5 9", "a,cut,x y"]
)
def test_a_row_that_says_nothing_ends_the_program(tmp_path: Path, line: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(f"name,kind,outline\n{line}\n")
    with pytest.raises(ValueError, match=r"three corners|convert"):
        read_corrections(table)


def test_the_kept_table_can_be_read_and_holds_nobody_who_is_taken_as_whole() -> None:
    taken = set(clean2_index.TAKEN.read_text("utf-8").split("\n"))
    found = read_corrections()
    assert found
    assert not set(found) & taken
    for outlines in found.values():
        for _, outline in outlines:
            assert np.min(outline) >= -0.05
            assert np.max(outline) <= 1.05


def test_a_mended_matte_teaches_with_its_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "clean2" / "own"
    own.mkdir(parents=True)
    alpha, trust = mattes()
    for kind, values in (("alpha", alpha), ("trust", trust)):
        Image.fromarray((values * 255).astype(np.uint8)).save(own / f"she.{kind}.png")
    (own / "own.csv").write_text(
        "name,image,alpha,trust,source,tier,stated,credit,covered,agreed\nshe,i,a,t,free,A,CC0,them,0.001,0.1\n"
    )
    table = tmp_path / "t.csv"
    table.write_text("name,kind,outline\nshe,somebody,0 0 450 0 450 1000 0 1000\n")
    monkeypatch.setattr(clean2_index, "CORRECTIONS", table)
    (entry,) = clean2_index.own(tmp_path)
    assert (entry.source, entry.weight, entry.stated, entry.tier) == ("mended", 1.0, "CC0", "A")
    with Image.open(entry.alpha) as picture:
        assert np.asarray(picture)[:, :144].min() == 255
    with Image.open(entry.trust) as picture:
        assert np.asarray(picture)[160, 143] == 0
