"""`flyaway matte` on a movie, and `flyaway movie` on what comes out, as processes."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest

from flyaway.frames import read_plate
from flyaway.frames.movie import probe
from flyaway.frames.read_matte import read_matte

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")


@pytest.fixture
def run(cli, tmp_path):
    def start(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
        return subprocess.run(
            [*cli, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return start


@pytest.fixture
def clip(tmp_path, astronaut):
    """Three frames of the astronaut's head, moving, as H.264."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": "8"})
        stream.width = stream.height = 256
        stream.pix_fmt = "yuv420p"
        stream.metadata["timecode"] = "01:00:00:00"
        for shift in (0, 4, 8):
            picture = np.ascontiguousarray(astronaut[:256, 100 + shift : 356 + shift])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_a_movie_in_and_a_movie_out(run, tmp_path, clip):
    done = run("matte", "clip.mp4", "-o", "matte.####.exr")
    assert (done.returncode, done.stderr) == (0, "")
    mattes = [read_matte(tmp_path / f"matte.{number:04d}.exr") for number in (1, 2, 3)]
    assert [matte.spec.get("smpte:TimeCode")[0] for matte in mattes] == [0x01000000, 0x01000001, 0x01000002]
    # Her face is solid, the corner of the flag is not she.
    assert all(matte.alpha[90:150, 100:150].mean() > 0.95 for matte in mattes)
    done = run("movie", "clip.mp4", "matte.####.exr", "-o", "out.mov")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 frames" in done.stdout
    assert probe(tmp_path / "out.mov").timecode == "01:00:00:00"
    again = read_plate(tmp_path / "out.mov", frame=2)
    np.testing.assert_allclose(again.alpha, mattes[1].alpha, atol=1e-3)
    refused = run("movie", "clip.mp4", "matte.####.exr", "-o", "out.mov")
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr


def test_the_mattes_channel_and_a_link_in_the_movies_place(run, tmp_path, write_plate):
    pixels = np.zeros((32, 48, 5), np.float32)
    pixels[..., 3:] = 1, 0.5
    write_plate(tmp_path / "p.exr", pixels, channels=("R", "G", "B", "A", "roto"))
    done = run("movie", "p.exr", "p.exr", "-o", "o.mov", "--channel", "roto")
    assert (done.returncode, done.stderr) == (0, "")
    assert np.abs(read_plate(tmp_path / "o.mov", frame=1).alpha - 0.5).max() < 2e-3
    (tmp_path / "l.mov").symlink_to("gone.mov")
    assert run("movie", "p.exr", "p.exr", "-o", "l.mov").returncode == 1
    assert (tmp_path / "l.mov").is_symlink()


def test_a_missing_matte_and_a_bad_rate_are_one_clean_line(run, clip):
    for arguments, message in (
        (("clip.mp4", "none.####.exr", "-o", "o.mov"), "no such file"),
        (("clip.mp4", "none.####.exr", "-o", "o.mov", "--rate", "fast"), "no frame rate"),
    ):
        done = run("movie", *arguments)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert message in done.stderr
