"""Composites keep their truth, strands their coverage, and hashes notice every change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from models.evaluation import composite, make_sets, sources, strands
from models.evaluation.composite import Composite, Sitter
from models.mixing import LIGHTS, Light, mix
from PIL import Image


def bust(side: int = 300) -> Sitter:
    """A red head on red shoulders that reach both sides at the bottom."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    head = np.hypot(x - 0.5, y - 0.35) < 0.2
    neck = (np.abs(x - 0.5) < 0.09) & (y > 0.4)
    shoulders = y > 0.72 + 0.3 * np.abs(x - 0.5)
    alpha = (head | neck | shoulders).astype(np.float32)
    colour = np.zeros((side, side, 3), np.float32)
    colour[alpha > 0] = (200, 40, 40)
    colour[alpha == 0] = (0, 255, 0)  # must never come into view
    return Sitter(alpha, colour)


@pytest.mark.parametrize("seed", range(6))
def test_no_cut_edge_of_the_sitter_comes_into_view(seed: int) -> None:
    alpha, _ = composite.place(bust(), 240, 240, np.random.default_rng(seed))
    assert alpha[-1].max() == 1
    # Wherever the person stands at one row and not the next, a row below a filled one is filled.
    assert ((alpha[-40:-1] > 0.9) <= (alpha[-39:] > 0.5)).all()


def test_resampling_takes_no_colour_from_empty_pixels() -> None:
    alpha, premultiplied = composite.place(bust(), 170, 170, np.random.default_rng(1))
    visible = alpha > 0.05
    colour = premultiplied[visible] / alpha[visible][:, None]
    assert np.abs(colour - (200, 40, 40)).max() < 1


def test_heads_fill_their_frame() -> None:
    alpha, _ = composite.place_head(bust(), 128, np.random.default_rng(2))
    assert 0.35 < alpha.mean() < 0.8
    assert alpha[:6].max() < 0.5


@pytest.mark.parametrize("light", LIGHTS)
def test_a_plate_mixes_with_its_rounded_truth(light: Light) -> None:
    rng = np.random.default_rng(3)
    alpha = rng.random((64, 64)).astype(np.float32)
    behind = np.full((64, 64, 3), 100, np.float32)
    colour = composite.in_light(np.full((64, 64, 3), 220, np.float32), light)
    made = composite.composite(alpha, alpha[..., None] * colour, behind, rng, light)
    share = made.truth[..., None] / 255
    front = np.clip(220 * composite.lit_like(behind), 0, 255) / 255
    residual = made.plate - 255 * mix(front, behind / 255, share, light)
    assert np.abs(residual.mean()) < 0.1
    assert residual.std() < 3
    assert np.abs(made.front[made.truth > 0] - 255 * front).max() <= 1
    assert (made.back[made.truth < 255] == (100 * (made.truth[made.truth < 255] > 0))[:, None]).all()


def test_light_is_what_makes_the_two_versions_differ() -> None:
    half, behind = np.full((32, 32), 0.5, np.float32), np.zeros((32, 32, 3), np.float32)
    means = {}
    for light in LIGHTS:
        white = composite.in_light(np.full((32, 32, 3), 255, np.float32), light)
        made = composite.composite(half, 0.5 * white, behind, np.random.default_rng(0), light)
        means[light] = made.plate.mean() / np.clip(composite.lit_like(behind), 0, 1).mean()
    # Half the light of white is a code of 188, and half its code is 128.
    assert means["encoded"] == pytest.approx(128, abs=2)
    assert means["linear"] == pytest.approx(188, abs=8)


def test_a_shot_has_one_hash_over_its_frames(tmp_path: Path) -> None:
    for number in range(3):
        made = Composite(np.full((4, 4, 3), number, np.uint8), np.zeros((4, 4), np.uint8))
        make_sets.write_entry(tmp_path / "clips", f"walk/{number:05d}", made)
    before = make_sets.hash_sets(tmp_path, ["clips"])
    assert list(before) == ["clips/walk"]
    (tmp_path / "clips" / "walk" / "00001.png").replace(tmp_path / "clips" / "walk" / "00003.png")
    assert make_sets.hash_sets(tmp_path, ["clips"]) != before


def test_an_items_randomness_is_its_own() -> None:
    first = sources.seeded("studio", "a").random(4)
    sources.seeded("studio", "b").random(9)
    assert (sources.seeded("studio", "a").random(4) == first).all()
    assert (sources.seeded("faces", "a").random(4) != first).any()


@pytest.mark.parametrize("width", [0.6, 1.0, 2.5])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 4, 1.3])
def test_a_strand_covers_its_area(width: float, angle: float) -> None:
    along = np.arange(0, 200, 0.5)
    path = np.stack([30.3 + np.cos(angle) * along, 20.7 + np.sin(angle) * along], -1).astype(np.float32)
    drawn = strands.Strand(path, np.full(400, width, np.float32), np.zeros((400, 3), np.float32))
    _, cover, _ = strands.coverage(drawn, (300, 300))
    assert cover.sum() == pytest.approx(width * 200, rel=0.12)
    assert cover.max() <= min(width, 1) + 1e-6


def test_strands_outside_the_frame_are_cut_off() -> None:
    path = np.stack([np.arange(-50, 50, 0.5), np.full(200, 5)], -1).astype(np.float32)
    drawn = strands.Strand(path, np.ones(200, np.float32), np.full((200, 3), 9, np.float32))
    alpha, colour = np.zeros((20, 20), np.float32), np.zeros((20, 20, 3), np.float32)
    strands.draw(alpha, colour, drawn)
    assert alpha.sum() == pytest.approx(20, abs=1.5)
    assert np.allclose(colour, alpha[..., None] * 9)


def test_shrinking_keeps_the_mean() -> None:
    plane = np.random.default_rng(4).random((64, 64, 3)).astype(np.float32)
    small = strands.shrink(plane, 16)
    assert small.shape == (16, 16, 3)
    assert small.mean() == pytest.approx(plane.mean(), rel=1e-5)


def test_the_hash_is_of_pixels_and_not_of_the_file(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    (tmp_path / "street").mkdir()
    found = []
    for level in (0, 9):
        Image.fromarray(pixels).save(tmp_path / "street" / "a.png", compress_level=level)
        found.append(make_sets.hash_sets(tmp_path, ["street"])["street/a.png"])
    assert found[0] == found[1]
    assert make_sets.pixel_hash(pixels.reshape(8, 6)) != make_sets.pixel_hash(pixels)


def test_check_names_every_kind_of_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hashes, folder = tmp_path / "truth.sha256", tmp_path / "street"
    folder.mkdir()
    for stem in ("a", "b", "c"):
        Image.new("L", (4, 4), 7).save(folder / f"{stem}.png")
    task = ["--output", str(tmp_path), "--sets", "street", "--hashes", str(hashes)]
    assert make_sets.main([*task, "--write-hashes"]) == 0
    assert make_sets.main([*task, "--check"]) == 0
    Image.new("L", (4, 4), 8).save(folder / "a.png")
    (folder / "b.png").rename(folder / "d.png")
    capsys.readouterr()
    assert make_sets.main([*task, "--check"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["missing: street/b.png", "not listed: street/d.png", "differs: street/a.png"]
