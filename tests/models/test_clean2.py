"""What `clean-2` learns from: drawn people whose coverage is exact, and tables of what is allowed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from models.evaluation.split import held_out
from models.training.bank import people, things
from models.training.data.clean2_index import main as index
from models.training.data.clean2_sources import main as list_sources
from models.training.data.rendered import objects
from models.training.data.rendered.clothes import Stuff, Wardrobe, dressed, normals
from models.training.data.rendered.draw import painted
from models.training.data.rendered.figure import PARTS, Figure, Floats
from models.training.data.rendered.light import light_of
from models.training.score_coarse import score
from PIL import Image


def ball(
    centre: tuple[float, float, float], radii: tuple[float, float, float], rows: int = 8
) -> tuple[Floats, Floats]:
    """An ellipsoid's vertices and faces."""
    down, around = np.meshgrid(
        np.linspace(0.05, np.pi - 0.05, rows),
        np.linspace(0, 2 * np.pi, 2 * rows, endpoint=False),
        indexing="ij",
    )
    points = np.stack((np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)), -1)
    vertices = (points * radii + centre).reshape(-1, 3).astype(np.float32)
    number = np.arange(rows * 2 * rows).reshape(rows, 2 * rows)
    here, there = number[:-1], np.roll(number[:-1], -1, 1)
    low, lower = number[1:], np.roll(number[1:], -1, 1)
    faces = np.stack((np.stack((here, low, there), -1), np.stack((there, low, lower), -1))).reshape(-1, 3)
    return vertices, faces


@pytest.fixture(scope="module")
def figure() -> Figure:
    """A body of balls, one for each part, as tall as a grown person."""
    places = {"eye": (0.03, -0.1, 0.7), "head": (0.0, 0.0, 0.68), "neck": (0.0, 0.0, 0.56)}
    places |= {"trunk": (0.0, 0.0, 0.3), "hips": (0.0, 0.0, 0.05), "upper arm": (0.25, 0.0, 0.38)}
    places |= {"lower arm": (0.4, -0.1, 0.2), "hand": (0.5, -0.25, 0.1), "upper leg": (0.1, 0.0, -0.15)}
    places |= {"lower leg": (0.14, 0.0, -0.55), "foot": (0.17, -0.06, -0.83)}
    vertices, faces, part, at = [], [], [], 0
    for number, name in enumerate(PARTS):
        size = 0.012 if name == "eye" else 0.12
        points, triangles = ball(places[name], (size, size, 1.3 * size))
        vertices.append(points)
        faces.append(triangles + at)
        part.append(np.full(len(points), number))
        at += len(points)
    joined = np.concatenate(vertices)
    return Figure(joined, joined, np.concatenate(faces), np.concatenate(part))


def test_a_white_sky_lights_every_side_alike() -> None:
    light = light_of(np.ones((32, 64, 3), np.float32), 0.3)
    towards = np.array([(0, 0, 1), (0, 0, -1), (0.6, 0.8, 0)], np.float32)
    np.testing.assert_allclose(light.around(towards), 1, atol=0.02)
    np.testing.assert_allclose(light.lamp, 0, atol=1e-6)


def test_a_lamp_is_found_where_it_stands_and_turns_with_the_panorama() -> None:
    panorama = np.full((32, 64, 3), 0.1, np.float32)
    panorama[8, 0] = 500  # a quarter of the way down from straight up
    turned = light_of(panorama, np.pi / 2)
    assert turned.lamp.min() > 0.5
    np.testing.assert_allclose(
        turned.towards, (0, np.sin(np.pi * 8.5 / 32), np.cos(np.pi * 8.5 / 32)), atol=0.06
    )


def test_what_is_worn_lies_outside_of_the_body(figure: Figure) -> None:
    trunk = figure.of("trunk")
    stuff = Stuff((np.zeros(3, np.float32),) * 2)
    worn = Wardrobe(figure, np.random.default_rng(4)).shell(trunk, 0.02, 0.0, 0, stuff)
    middle = figure.posed[trunk].mean(0)
    body = np.linalg.norm(figure.posed[trunk] - middle, axis=1)
    assert (np.linalg.norm(worn.vertices - middle, axis=1) - body).min() > 0.015


def test_every_outfit_is_whole(figure: Figure) -> None:
    for seed in range(12):
        shells = dressed(figure, np.random.default_rng(seed))
        assert len(shells) >= 4
        for shell in shells:
            assert np.isfinite(shell.vertices).all()
            assert shell.faces.max() < len(shell.vertices) == len(shell.places)


def test_patterns_show_both_colours() -> None:
    one, other = np.float32((1, 0, 0)), np.float32((0, 0, 1))
    place = np.random.default_rng(2).random((400, 3)).astype(np.float32)
    for pattern in ("stripes", "checks"):
        colours = painted(Stuff((one, other), pattern, 0.1), place, [], np.random.default_rng(3))
        assert {tuple(c) for c in colours} >= {(1, 0, 0), (0, 0, 1)}
    assert (painted(Stuff((one, other)), place, [], np.random.default_rng(3)) == one).all()


def test_a_drawn_ball_covers_as_much_as_a_ball(figure: Figure) -> None:
    pytest.importorskip("embreex")
    from models.training.data.rendered.clothes import Shell
    from models.training.data.rendered.draw import drawn

    points, faces = ball((0, 0, 0), (0.4, 0.4, 0.4), rows=40)
    grey = np.full(3, 0.5, np.float32)
    away = 400.0
    camera = np.array([(-0.5, 0, 0.5), (0.01, 0, 0), (0, 0, -0.01), (0, -away, 0)], np.float32).T
    light = light_of(np.ones((16, 32, 3), np.float32), 0)
    shells = [Shell(points, points, faces, Stuff((grey, grey)))]
    colour, alpha = drawn(shells, light, [], (100, 100), camera, np.random.default_rng(1))
    assert alpha.sum() / 1e4 == pytest.approx(np.pi * 0.4**2, rel=0.02)
    assert set(np.unique(alpha)) > {0.0, 1.0}
    assert np.ptp(colour[40:60, 40:60]) < 0.1


def test_the_table_holds_nobody_that_is_held_out_and_no_others_opinion(tmp_path: Path) -> None:
    data, bank = tmp_path / "data", tmp_path / "bank"
    (data / "free").mkdir(parents=True)
    (bank / "london").mkdir(parents=True)
    held = held_out("portrait", "london")[0]
    names = [held, "london-neutral-001-x"]
    _table(data / "portraits.csv", [{"image": f"portraits/{n}.webp", "source": "london"} for n in names])
    for name in names:
        for kind in ("alpha", "fg"):
            Image.new("L" if kind == "alpha" else "RGB", (8, 8)).save(bank / "london" / f"{name}.{kind}.png")
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    Image.fromarray(mask).save(data / "free" / "somebody-mask.png")
    row = {
        "file": "free/somebody.webp",
        "mask": "free/somebody-mask.png",
        "tier": "B",
        "licence": "CC-BY 2.0",
    }
    row |= {"credit": "a photographer", "source": "x", "origin": "y"}
    sources = ["x", "IBM/MAX-ResNet-50@643dbe4064"]  # the second is held out as a source
    _table(
        data / "free" / "people.csv",
        [row | {"source": s, "file": f"free/{i}.webp"} for i, s in enumerate(sources)],
    )
    kept = held_out("background", "hdri")[0]
    pictures = [{"image": f"backgrounds/{n}.webp", "source": "hdri"} for n in (kept, "hdri-apartment-x")]
    _table(data / "backgrounds.csv", pictures)
    index(["--data", str(data), "--bank", str(bank)])
    rows = people(bank, ("clean",), table="clean2")
    assert [r["source"] for r in rows] == ["london", "outlined"]
    assert rows[0]["cut"]
    assert not rows[1]["cut"]
    trust = np.asarray(Image.open(rows[1]["trust"]))
    alpha = np.asarray(Image.open(rows[1]["alpha"]))
    assert trust[32, 16] == 0 == alpha[0, 0]
    assert trust[32, 32] == 255 == alpha[32, 32]
    with (bank / "clean2_backgrounds.csv").open() as file:
        assert [Path(r["image"]).stem for r in csv.DictReader(file)] == ["hdri-apartment-x"]
    # What it learned from can be told by name and licence: nothing that is held out is in it.
    for table in ("backgrounds", "things"):
        pictures = [row | {"source": s, "file": f"free/{table}-{i}.webp"} for i, s in enumerate(sources)]
        _table(data / "free" / f"{table}.csv", pictures)
    (bank / "things").mkdir()
    Image.new("RGBA", (4, 4)).save(bank / "things" / "00000.png")
    list_sources(["--data", str(data), "--bank", str(bank), "--out", str(tmp_path / "sources.csv")])
    with (tmp_path / "sources.csv").open() as file:
        told_rows = list(csv.DictReader(file))
    told = [(r["kind"], r["name"], r["licence"], r["tier"]) for r in told_rows]
    assert told == [
        ("person", "london-neutral-001-x", "CC-BY 4.0", "A"),
        ("person", "0", "CC-BY 2.0", "B"),
        ("place", "hdri-apartment-x", "CC0", "A"),
        ("place", "backgrounds-0", "CC-BY 2.0", "B"),
        ("thing", "things-0", "CC-BY 2.0", "B"),
        ("thing", "1 drawn things", "CC0", "A"),
    ]
    # What taught the weights that these begin with stays in the list.
    taught = {**told_rows[0], "name": "a portrait of before"}
    _table(tmp_path / "sources.csv", [taught, told_rows[1]])
    list_sources(["--data", str(data), "--bank", str(bank), "--out", str(tmp_path / "sources.csv")])
    with (tmp_path / "sources.csv").open() as file:
        assert list(csv.DictReader(file)) == [*told_rows, taught]


def _table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_checkpoint_is_scored_on_plates_with_and_without_somebody(tmp_path: Path) -> None:
    (tmp_path / "street").mkdir()
    truth = np.zeros((40, 40), np.uint8)
    truth[:20] = 255
    truth[20] = 128
    Image.fromarray(truth).save(tmp_path / "street" / "a.alpha.png")
    for name in "ab":
        Image.fromarray(np.stack((truth, truth, truth), -1)).save(tmp_path / "street" / f"{name}.png")
    Image.new("RGB", (40, 40), "white").save(tmp_path / "street" / "a.bg.png")  # no plate
    found = score(lambda plate: (plate[..., 0] / 255 * 0.5).astype(np.float32), tmp_path / "street", 1)
    wrong = (20 * 40 * 0.5 + 40 * 64 / 255) / 1600  # both plates have the person, one of them as nobody
    assert found["MAD"] == pytest.approx(1e3 * wrong, rel=1e-3)
    assert found["soft"] == pytest.approx(64 / 255, rel=1e-3)
    assert found["IoU"] == 0


def test_made_up_things_of_every_kind_are_closed_and_look_outwards() -> None:
    for kind, _ in objects.KINDS:
        for seed in range(4):
            for shell in kind(np.random.default_rng(seed)):
                assert np.isfinite(shell.vertices).all()
                assert shell.faces.max() < len(shell.vertices) == len(shell.places)
                sides = np.sort(np.concatenate([shell.faces[:, [i, (i + 1) % 3]] for i in range(3)]), 1)
                _, used = np.unique(sides, axis=0, return_counts=True)
                assert (used == 2).all()
    corners = objects.lump(np.zeros(3), np.ones(3), Stuff((np.zeros(3),) * 2), np.random.default_rng(1))
    outwards = (normals(corners.vertices, corners.faces) * corners.vertices).sum(1)
    assert outwards.min() > 0.9


def test_drawn_things_stand_beside_the_photographed_ones(tmp_path: Path) -> None:
    (tmp_path / "free").mkdir()
    (tmp_path / "things").mkdir()
    _table(tmp_path / "free" / "things.csv", [{"file": "free/cup.png", "source": "x", "origin": "y"}])
    Image.new("RGBA", (4, 4)).save(tmp_path / "things" / "00001.png")
    assert [Path(row["colour"]).name for row in things(tmp_path, tmp_path)] == ["cup.png", "00001.png"]
