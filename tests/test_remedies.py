"""Mistakes that are easily made are named, and what is told to do about them can be done."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

import flyaway
from flyaway import DeviceUnavailableError, EncodingUnknownError, color
from flyaway.cli.app import run

ROOT = Path(__file__).resolve().parents[1]


def test_no_remedy_installs_our_name_from_an_index_that_has_none():
    places = [*(ROOT / "core").rglob("*.py"), *(ROOT / "nuke_plugin").rglob("*.py")]
    for path in places:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"pip.? install[^#]*[\"' ]flyaway(\[|[\"']|$)", line), f"{path}: {line}"


@pytest.mark.parametrize("device", ["cuda:", "cuda:x", "cpu:0", "tpu", "cuda:-1", "cuda:1:2"])
@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_a_device_that_means_nothing_is_refused(device, engine):
    if engine == "torch":
        pytest.importorskip("torch", reason="the torch engine is not installed")
    with pytest.raises(DeviceUnavailableError, match="cuda:1 for the second GPU"):
        flyaway.load("fast", device=device, engine=engine)


def test_a_gpu_that_is_not_there_is_never_another_one():
    with pytest.raises(DeviceUnavailableError):
        flyaway.load("fast", device="cuda:99")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("arri logc4x", "ARRI LogC4"), ("S_LOG3-SGAMUT3.cin", "S-Log3 S-Gamut3.Cine"), ("CINEONN", "Cineon")],
)
def test_near_misses_of_colour_spaces_are_found_whatever_their_case(typed, meant):
    with pytest.raises(EncodingUnknownError, match=re.escape(repr(meant))):
        color.resolve_space(typed)


@pytest.mark.parametrize("command", ["matte", "batch"])
def test_a_broken_ocio_variable_is_named_before_anything_is_done(
    tmp_path, monkeypatch, capsys, command, write_plate
):
    write_plate(tmp_path / "p.0001.exr", np.full((32, 32, 3), 0.5, np.float32))
    (tmp_path / "j.toml").write_text(
        '[[shots]]\nname = "a"\nsource = "p.####.exr"\noutputs = ["o/m.####.exr"]\n'
    )
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    source = ["matte", f"{tmp_path}/p.####.exr", "-o", f"{tmp_path}/o/m.####.exr"]
    assert run(source if command == "matte" else ["batch", str(tmp_path / "j.toml")]) == 1
    printed = capsys.readouterr().err
    assert f"$OCIO names the OCIO configuration {tmp_path}/gone.ocio, which cannot be read" in printed
    assert "unset it" in printed
    assert not (tmp_path / "o").exists()


def test_evaluate_warns_of_a_truth_of_zeros_and_ones(tmp_path, capsys):
    for name, pixels in (("a.png", np.full((64, 64, 3), 90, np.uint8)), ("a.alpha.png", None)):
        mask = np.zeros((64, 64, 1), np.uint8)
        mask[16:48, 16:48] = 1
        data = mask if pixels is None else pixels
        target = oiio.ImageOutput.create(str(tmp_path / name))
        assert target.open(str(tmp_path / name), oiio.ImageSpec(64, 64, data.shape[2], "uint8"))
        assert target.write_image(data)
        assert target.close()
    assert (
        run(
            ["evaluate", str(tmp_path), "--out", str(tmp_path / "out"), "--metrics", "sad", "--model", "fast"]
        )
        == 0
    )
    assert "Is it a mask of 0 and 1?" in capsys.readouterr().out
