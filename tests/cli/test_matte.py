"""`flyaway matte` as people and farms run it: a process, its output, its exit code, its files."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

import flyaway
from flyaway.color import srgb_to_linear

ROOT = Path(__file__).resolve().parents[2]
ASTRONAUT = ROOT / "examples" / "astronaut.png"


def read(path):
    as_stored = oiio.ImageSpec()
    as_stored.attribute("oiio:UnassociatedAlpha", 1)  # do not multiply colour by alpha on the way in
    source = oiio.ImageInput.open(str(path), as_stored)
    assert source is not None, oiio.geterror()
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
    source.close()
    return spec, np.asarray(pixels)


def test_one_photograph(run, tmp_path, astronaut):
    done = run("matte", ASTRONAUT, "-o", "astronaut.matte.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert "written" in done.stdout
    spec, pixels = read(tmp_path / "astronaut.matte.png")
    assert (spec.width, spec.height, spec.nchannels, str(spec.format)) == (512, 512, 1, "uint16")
    alpha = pixels[..., 0]
    # Her face and suit, and the corner of the flag's backdrop: there is no doubt about these. What she
    # carries before her is another matter: the card says so.
    assert alpha[90:150, 200:250].mean() > 0.95
    assert alpha[250:440, 80:220].mean() > 0.99
    assert alpha[:60, :60].mean() < 0.05
    expected = flyaway.load("fast", device="cpu")(astronaut, encoding="srgb").alpha
    np.testing.assert_allclose(alpha, expected, atol=1e-3)


def test_a_broken_exr_among_ten(run, tmp_path, write_plate, person):
    linear = srgb_to_linear(person.astype(np.float32) / 255)
    (tmp_path / "plates").mkdir()
    for frame in range(1001, 1011):
        write_plate(tmp_path / "plates" / f"shot.{frame}.exr", linear)
    broken = tmp_path / "plates" / "shot.1004.exr"
    broken.write_bytes(broken.read_bytes()[:9000])
    done = run("matte", "plates/shot.%04d.exr", "-o", "mattes/shot.%04d.exr")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        (
            "error: frame 1004, plates/shot.1004.exr: truncated or damaged (Some scanline chunks were missing"
            " or corrupted); copy or render it again."
        )
    ]
    assert len([line for line in done.stdout.splitlines() if " written " in line]) == 9
    assert done.stdout.splitlines()[-1] == "9 written, 1 failed"
    written = sorted(path.name for path in (tmp_path / "mattes").iterdir() if path.name != ".flyaway")
    assert written == [f"shot.{frame}.exr" for frame in range(1001, 1011) if frame != 1004]
    for name in written:
        spec, _ = read(tmp_path / "mattes" / name)
        assert (spec.width, spec.height, tuple(spec.channelnames)) == (256, 256, ("A",))


def test_a_missing_frame_that_was_asked_for_is_a_failure(run, tmp_path, write_plate, person):
    write_plate(tmp_path / "p.0001.png", person, "uint8")
    done = run("matte", "p.####.png", "-o", "out", "--frames", "1-2")
    assert done.returncode == 2
    assert "error: frame 2, p.0002.png: there is no such file." in done.stderr
    assert (tmp_path / "out" / "p.0001.png").is_file()


def test_a_folder_of_mixed_formats(run, tmp_path, write_plate, person):
    folder = tmp_path / "in"
    folder.mkdir()
    write_plate(folder / "a.jpg", person, "uint8")
    write_plate(folder / "b.png", person, "uint8")
    write_plate(folder / "c.tif", person, "uint16")
    write_plate(folder / "d.exr", srgb_to_linear(person.astype(np.float32) / 255))
    done = run("matte", "in", "-o", "out")
    assert (done.returncode, done.stderr) == (0, "")
    mattes = {path.name: read(path) for path in (tmp_path / "out").glob("*.*") if path.is_file()}
    assert sorted(mattes) == ["a.png", "b.png", "c.tif", "d.exr"]
    # The same picture in four encodings is the same matte, up to what the formats lose.
    for name in ("c.tif", "d.exr"):
        assert np.abs(mattes[name][1] - mattes["b.png"][1]).mean() < 2e-3
    assert np.abs(mattes["a.png"][1] - mattes["b.png"][1]).mean() < 2e-2


def test_rgba_keeps_colour_and_windows(run, tmp_path, write_plate, person):
    linear = srgb_to_linear(person.astype(np.float32) / 255) * 3
    write_plate(tmp_path / "p.exr", linear, window=(-16, 8), display=(0, 0, 240, 256))
    done = run("matte", "p.exr", "-o", "m.exr", "--output", "rgba", "--straight", "--edge-colour", "plate")
    assert done.returncode == 0, done.stderr
    spec, pixels = read(tmp_path / "m.exr")
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (-16, 8, 240, 256)
    np.testing.assert_allclose(pixels[..., :3], linear, rtol=2e-3, atol=1e-5)
    assert spec.get("flyaway:model") == "fast"


def test_existing_mattes_are_refused_kept_or_replaced(run, tmp_path, write_plate, person):
    for frame in (1, 2):
        write_plate(tmp_path / f"p.{frame}.png", person, "uint8")
    command = ("matte", "p.#.png", "-o", "out")
    assert run(*command).returncode == 0
    first, second = tmp_path / "out" / "p.1.png", tmp_path / "out" / "p.2.png"
    refused = run(*command)
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert "--skip-existing" in refused.stderr
    whole = second.read_bytes()
    second.write_bytes(whole[:-100])
    before = first.stat().st_mtime_ns
    kept = run(*command, "--skip-existing")
    assert kept.returncode == 0
    assert kept.stdout.splitlines()[-1] == "1 written, 1 skipped"
    assert first.stat().st_mtime_ns == before
    assert second.read_bytes() == whole
    assert run(*command, "--overwrite").returncode == 0
    assert first.stat().st_mtime_ns != before


def test_the_plate_survives_itself_as_destination(run, tmp_path, write_plate, person):
    path = write_plate(tmp_path / "p.png", person, "uint8")
    before = path.read_bytes()
    done = run("matte", "p.png", "-o", "p.png", "--overwrite")
    assert done.returncode == 1
    assert path.read_bytes() == before


def test_log_dpx_names_the_option_and_the_option_works(run, tmp_path, write_plate, person):
    write_plate(tmp_path / "p.dpx", person, "uint16", metadata={"dpx:Transfer": "Logarithmic"})
    done = run("matte", "p.dpx", "-o", "out")
    assert done.returncode == 2
    assert "--in-space" in done.stderr
    done = run("matte", "p.dpx", "-o", "out", "--in-space", "ARRI LogC3 (EI800)")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "p.exr").is_file()


def test_an_interrupt_leaves_whole_files_only(cli, tmp_path, write_plate, person):
    for frame in range(1, 61):
        write_plate(tmp_path / f"p.{frame:04d}.png", person, "uint8")
    process = subprocess.Popen(
        [*cli, "matte", "p.####.png", "-o", "out"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert " written " in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "interrupted" in stdout
    names = [path.name for path in (tmp_path / "out").iterdir() if path.name != ".flyaway"]
    assert 0 < len(names) < 60
    assert not [name for name in names if "part" in name]
    for name in names:
        assert read(tmp_path / "out" / name)[0].width == 256


def test_a_terminal_gets_a_progress_bar(cli, tmp_path, write_plate, person):
    write_plate(tmp_path / "p.png", person, "uint8")
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [*cli, "matte", "p.png", "-o", "m.png"],
        cwd=tmp_path,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "TTY_COMPATIBLE": "1"},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other side has hung up
        pass
    os.close(terminal)
    assert process.wait(timeout=120) == 0
    assert b"1/1" in shown
    assert b"1 written" in shown


def test_previews_show_the_plate_as_seen_with_its_matte_as_alpha(run, tmp_path, write_plate, person):
    # A scene-linear plate: the preview is encoded for a screen, and straight.
    linear = srgb_to_linear((person / 255.0).astype(np.float32))
    write_plate(tmp_path / "plate.0007.exr", linear, "half", window=(-8, 4), display=(0, 0, 300, 300))
    done = run("matte", "plate.####.exr", "-o", "matte.####.exr", "--previews", "small")
    assert done.returncode == 0, done.stderr
    spec, alpha = read(tmp_path / "matte.0007.exr")
    small, shown = read(tmp_path / "small" / "matte.0007.png")
    assert (small.width, small.height, small.nchannels) == (spec.width, spec.height, 4)
    assert np.abs(shown[..., 3:] - alpha).max() < 1 / 255
    assert np.abs(shown[..., :3] - person / 255.0).max() < 1.5 / 255
    assert [path.name for path in (tmp_path / "small").iterdir()] == ["matte.0007.png"]


def test_a_preview_that_cannot_be_written_does_not_cost_the_frame(run, tmp_path, write_plate, person):
    write_plate(tmp_path / "plate.exr", (person / 255.0).astype(np.float32))
    (tmp_path / "small").write_text("in the way")
    done = run("matte", "plate.exr", "-o", "matte.exr", "--previews", "small")
    assert done.returncode == 0, done.stderr
    assert "the preview cannot be written" in done.stdout
    assert (tmp_path / "matte.exr").is_file()


@pytest.mark.slow
def test_a_matte_made_with_other_settings_is_kept_and_told(run, tmp_path, write_plate, person):
    write_plate(tmp_path / "plate.exr", (person / 255.0).astype(np.float32))
    command = ("matte", "plate.exr", "-o", "matte.exr", "--skip-existing")
    assert "1 written" in run(*command, "--coarse-only").stdout
    coarse = (tmp_path / "matte.exr").read_bytes()
    kept = run(*command)
    assert "1 skipped" in kept.stdout
    assert "made with stages coarse, where coarse and refiner is asked for" in kept.stdout
    other = run(*command, "--channel", "matte.A")
    assert other.returncode == 2
    assert "no channel matte.A among A" in other.stderr
    assert (tmp_path / "matte.exr").read_bytes() == coarse
    assert "1 written" in run(*command[:-1], "--resume").stdout
    assert "1 skipped" in run(*command).stdout


def test_premultiplied_png_is_refused_before_anything_is_matted(run, tmp_path):
    done = run("matte", ASTRONAUT, "-o", "m.png", "--output", "rgba", "--premultiplied")
    assert done.returncode == 1
    assert "straight by definition" in done.stderr


def test_frames_that_were_not_asked_for_are_not_missing(run, tmp_path, write_plate, person):
    for frame in (1, 2, 3):
        write_plate(tmp_path / f"p.{frame:04d}.exr", (person / 255.0).astype(np.float32))
    done = run("matte", "p.####.exr", "-o", "m.####.exr", "--frames", "1-3x2")
    assert done.returncode == 0
    assert "no plates" not in done.stdout


@pytest.mark.slow
def test_one_photograph_resumes_too(run, tmp_path, write_plate, person):
    plate = write_plate(tmp_path / "plate.exr", (person / 255.0).astype(np.float32))
    command = ("matte", "plate.exr", "-o", "matte.exr", "--resume")
    assert "1 written" in run(*command).stdout
    assert (tmp_path / "matte.exr").is_file()
    assert "1 skipped" in run(*command).stdout
    made = (tmp_path / "matte.exr").stat().st_mtime_ns
    os.utime(plate, ns=(made + 1, made + 1))
    assert "1 written" in run(*command).stdout
    (tmp_path / "matte.exr").write_bytes(b"not an EXR")
    assert "1 written" in run(*command).stdout


def test_the_persons_colour_and_comps_on_the_command_line(run, tmp_path):
    done = run("matte", ASTRONAUT, "-o", "comp.png", "--output", "comp", "--over", "white")
    assert done.returncode == 0, done.stderr
    _, comp = read(tmp_path / "comp.png")
    assert comp.shape[2] == 3
    assert (comp[:20, 440:] > 0.99).all()
    done = run("matte", ASTRONAUT, "-o", "fg.exr", "--output", "fg", "--despill", "green")
    assert done.returncode == 0, done.stderr
    _, colour = read(tmp_path / "fg.exr")
    assert (colour[..., 1] <= np.maximum(colour[..., 0], colour[..., 2]) + 1e-3).all()
    refused = run("matte", ASTRONAUT, "-o", "no.png", "--output", "comp", "--over", "nowhere.png")
    assert refused.returncode == 1
    assert "neither a file nor a colour" in refused.stderr
