"""Labels by the coming weights themselves: who is asked, what is believed, and what is let into the table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from models.evaluation.split import held_out
from models.training.data import clean2_index, own_mattes
from PIL import Image

from flyaway.pictures.drawn import sample_plate

WEIGHTS = Path(own_mattes.__file__).parents[1] / "checkpoints" / "clean-2.fp16.safetensors"


def table(path: Path, rows: list[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_photographs_without_an_outline_are_labelled_and_held_out_ones_are_not(tmp_path: Path) -> None:
    data, bank = tmp_path / "data", tmp_path / "bank"
    held = held_out("portrait", "civil")[0]
    rows = [(held, "civil"), ("civil-somebody", "civil"), ("figaro-1", "figaro")]
    table(data / "portraits.csv", [{"image": f"portraits/{n}.webp", "source": s} for n, s in rows])
    free = {"source": "x", "origin": "y", "licence": "CC0", "credit": "", "tier": "A"}
    people = [{"file": "free/drawn.webp", "mask": "free/m.png"}, {"file": "free/else.webp", "mask": ""}]
    table(data / "free" / "people.csv", [free | row for row in people])
    for name in (f"portraits/{held}", "portraits/civil-somebody", "free/drawn", "free/else"):
        path = data / f"{name}.webp"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(sample_plate(96, 64)).save(path, lossless=True)
    own_mattes.main(["clean-2", str(WEIGHTS), "--data", str(data), "--bank", str(bank)])
    with (bank / "clean2" / "own" / "own.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(r["name"], r["source"], r["tier"]) for r in found] == [
        ("civil-somebody", "civil", "B"),
        ("else", "free", "A"),
    ]
    for row in found:
        with Image.open(row["alpha"]) as alpha, Image.open(row["trust"]) as trust:
            assert alpha.size == trust.size == (64, 96)
            shown = np.asarray(alpha, np.float32).mean() / 255
        assert float(row["covered"]) == pytest.approx(shown, abs=1e-3)


def test_a_wide_soft_patch_and_what_passes_disagree_on_are_not_believed() -> None:
    alpha = np.zeros((200, 200), np.float32)
    alpha[:, 100:] = 1
    alpha[:, 98:102] = 0.5  # an edge
    alpha[20:80, 20:80] = 0.5  # a patch
    agreement = np.ones_like(alpha)
    agreement[150, 150] = 0.2
    trust = own_mattes.trusted(alpha, agreement)
    assert trust[120, 100] == 1
    assert trust[50, 50] == 0
    assert trust[149, 151] == pytest.approx(0.2)


def test_headshots_that_agree_teach_and_others_once_somebody_looked_at_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = {"image": "i", "alpha": "a", "trust": "t", "source": "civil"}
    common |= {"tier": "B", "stated": "MIT", "credit": "them", "covered": "0.5", "agreed": "0.99"}
    rows: list[dict[str, str]] = [
        common | row
        for row in (
            {"name": "good"},
            {"name": "torn", "agreed": "0.6"},
            {"name": "nobody", "covered": "0.001"},
            {"name": "seen", "source": "free", "agreed": "0.7"},
            {"name": "unseen", "source": "free"},
        )
    ]
    table(tmp_path / "clean2" / "own" / "own.csv", rows)
    taken = tmp_path / "taken.txt"
    taken.write_text("# looked at\nseen\nanother\n")
    monkeypatch.setattr(clean2_index, "TAKEN", taken)
    found = list(clean2_index.own(tmp_path))
    assert [(entry.name, entry.source, entry.weight) for entry in found] == [
        ("good", "civil", 0.8),
        ("seen", "free", 0.8),
    ]
