"""What is written beside mattes (previews, reports, pages, farms' files) costs nobody their work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.cli.conftest import JOB


@pytest.fixture
def plates(tmp_path: Path, write_plate) -> dict[Path, bytes]:
    """Two 16-bit plates and a mask, with what is in them."""
    rng = np.random.default_rng(1)
    made = [tmp_path / "plates" / f"p.{number:04d}.png" for number in (1, 2)] + [tmp_path / "mask.png"]
    made[0].parent.mkdir()
    for path in made:
        write_plate(path, rng.random((64, 64, 1 if path.stem == "mask" else 3)).astype(np.float32), "uint16")
    return {path: path.read_bytes() for path in made}


MATTE = ("matte", "plates/p.####.png", "-o", "mattes/p.####.png", "--coarse-only", "--garbage", "mask.png")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (("--previews", "plates"), "p.0001.png would be replaced by a preview"),
        (("--previews", "plates/../mattes"), "p.0001.png would be replaced by a preview"),
        (("--previews", "linked"), "p.0001.png would be replaced by a preview"),
        (("--report", "plates/p.0002.png"), "cannot be the report"),
        (("--report", "plates/../mattes/p.0002.png"), "cannot be the report"),
        (("--report", "mask.png"), "cannot be the report"),
        (("--report", "notes.txt"), "no report that Flyaway wrote"),
        (("--report", "plates"), "is a folder"),
    ],
)
def test_a_run_refuses_before_it_begins(run, tmp_path, plates, more, named):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "linked").symlink_to("plates")
    done = run(*MATTE, *more)
    assert done.returncode == 1, done.stderr
    assert named in done.stderr
    assert {path: path.read_bytes() for path in plates} == plates
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "mattes").exists()


@pytest.mark.parametrize("raw", ["linked/p.####.exr", "linked/../out/m.####.exr"])
def test_a_raw_matte_replaces_neither_a_plate_nor_its_matte_however_it_is_spelled(
    run, tmp_path, write_plate, raw
):
    (tmp_path / "plates").mkdir()
    path = write_plate(tmp_path / "plates" / "p.0001.exr", np.zeros((64, 64, 3), np.float32))
    before = path.read_bytes()
    (tmp_path / "linked").symlink_to("plates")
    done = run("matte", "plates/p.####.exr", "-o", "out/m.####.exr", "--raw", raw, "--overwrite")
    assert done.returncode == 1, done.stdout
    assert "cannot hold the raw matte" in done.stderr
    assert path.read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_a_preview_replaces_a_preview_and_nothing_else(run, tmp_path, plates):
    small = tmp_path / "small"
    small.mkdir()
    (small / "p.0002.png").write_bytes(theirs := next(iter(plates.values())))
    done = run(*MATTE, "--previews", "small", "--report", "report.json")
    assert done.returncode == 0, done.stderr
    assert "no preview that Flyaway wrote" in done.stdout
    assert (small / "p.0002.png").read_bytes() == theirs
    first = (small / "p.0001.png").read_bytes()
    done = run(*MATTE, "--previews", "small", "--report", "report.json", "--overwrite", "--invert")
    assert done.returncode == 0, done.stderr
    assert (small / "p.0001.png").read_bytes() != first


def test_a_review_replaces_pages_and_sheets_and_nothing_else(run, tmp_path, plates):
    assert run(*MATTE).returncode == 0
    review = ("review", "plates/p.####.png", "mattes/p.####.png", "-o")
    mattes = {path: path.read_bytes() for path in (tmp_path / "mattes").glob("*.png")}
    for out, told in (
        (("plates/p.0001.png",), "cannot be the page"),
        (("mattes/p.0002.png",), "cannot be the page"),
        (("page.html", "--sheet", "mattes/p.0001.png"), "cannot be the contact sheet"),
        (("page.html", "--sheet", "mask.png"), "no contact sheet that Flyaway wrote"),
        (("page.png",), "cannot be the contact sheet"),
        (("mask.png", "--sheet", "other.png"), "no page that Flyaway wrote"),
        (("ok.html", "--sheet", "ok.html"), "cannot be the contact sheet: it is the page"),
        ((".",), ". is a folder: name a file for the page"),
        (("/",), "/ is a folder: name a file for the page"),
        (("",), ". is a folder: name a file for the page"),
    ):
        done = run(*review, *out)
        assert done.returncode == 1, (out, done.stdout)
        assert told in done.stderr
    assert {path: path.read_bytes() for path in plates} == plates
    assert {path: path.read_bytes() for path in mattes} == mattes
    for _ in range(2):  # its own are made anew
        assert run(*review, "page.html").returncode == 0
    (art := tmp_path / "art.png").write_bytes(theirs := (tmp_path / "mask.png").read_bytes())
    assert run(*review, "art.html", "--sheet", "page.png").returncode == 0
    done = run(*review, "art.html")
    assert done.returncode == 1, done.stdout
    assert "art.png is there already" in done.stderr
    assert art.read_bytes() == theirs


def test_a_job_s_review_is_refused_before_its_first_shot_is_looked_at(run, tmp_path, plates):
    job = tmp_path / "job.toml"
    job.write_text(
        '[[shots]]\nname = "a"\nsource = "plates/p.####.png"\n[[shots.outputs]]\npath = "m/a.####.png"\n'
    )
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("<html>mine</html>")
    done = run("review", "job.toml", "-o", "pages")
    assert done.returncode == 1
    assert "index.html is there already" in done.stderr
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["index.html"]
    done = run("review", "plates/p.####.png", "mask.png", "-o", "page.html", "--sheet", "sheet.bmp")
    assert done.returncode == 1, done.stdout


def test_a_farm_is_not_handed_the_job_file_itself(run, tmp_path, plates):
    job = tmp_path / "job.toml"
    job.write_text(JOB.replace('frames = "4-5"', 'frames = "1-2"').replace(".exr", ".png"))
    (tmp_path / "other.toml").write_text("# run by flyaway\n")
    (tmp_path / "submit.py").write_text("# calls flyaway batch --resume --progress\n")
    for kind, out in (
        ("openjd", "job.toml"),
        ("opencue", "job.toml"),
        ("openjd", "mask.png"),
        ("openjd", "other.toml"),
        ("opencue", "submit.py"),
    ):
        done = run("farm", kind, "job.toml", "-o", out)
        assert done.returncode == 1, done.stdout
        assert out in done.stderr
        assert ("it is the job file" in done.stderr) == (out == "job.toml")
    assert job.read_text().startswith("\nname")
    assert (tmp_path / "submit.py").read_text().startswith("# calls")
    assert {path: path.read_bytes() for path in plates} == plates
    for _ in range(2):  # its own are written anew, whatever the program is called
        for kind, out in (("openjd", "farm.json"), ("opencue", "outline.py"), ("deadline", "farm")):
            done = run("farm", kind, "job.toml", "-o", out, "--program", "/opt/fx/fa")
            assert done.returncode == 0, done.stderr


def two_parts(path: Path) -> None:
    """An EXR whose second part alone has a layer `diffuse`."""
    specs = [oiio.ImageSpec(64, 64, 3, "half") for _ in range(2)]
    specs[1].channelnames = ("diffuse.R", "diffuse.G", "diffuse.B")
    for spec, name in zip(specs, ("first", "second"), strict=True):
        spec.attribute("oiio:subimagename", name)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), tuple(specs))
    for number, spec in enumerate(specs):
        assert number == 0 or target.open(str(path), spec, "AppendSubimage")
        assert target.write_image(np.zeros((64, 64, 3), np.float32))
    assert target.close()


def test_a_dry_run_tells_that_a_plate_has_no_such_part_or_layer(run, plates, tmp_path, write_plate):
    write_plate(tmp_path / "p.exr", np.zeros((64, 64, 3), np.float32))
    two_parts(tmp_path / "parts.exr")
    for more in (("--part", "7"), ("--layer", "diffuse")):
        done = run("matte", "p.exr", "-o", "m.exr", "--dry-run", *more)
        assert done.returncode == 1, done.stdout
        assert "CANNOT BE MATTED" in done.stdout
        assert more[1] in done.stdout
    assert run("matte", "p.exr", "-o", "m.exr", "--dry-run").returncode == 0
    done = run("matte", "parts.exr", "-o", "m.exr", "--dry-run", "--part", "second", "--layer", "diffuse")
    assert done.returncode == 0, done.stdout  # a layer of the part that is asked for
    (tmp_path / "s.0001.exr").write_bytes(b"")  # one broken plate is that frame's own affair
    write_plate(tmp_path / "s.0002.exr", np.zeros((64, 64, 3), np.float32))
    assert run("matte", "s.####.exr", "-o", "m.####.exr", "--dry-run").returncode == 0
