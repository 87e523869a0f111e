"""Large plates in the live module: looked at with the longer side reduced, as the core looks at them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import flyaway
from flyaway import detail
from flyaway.engines.torch_engine import load_network
from flyaway.errors import UsageError
from flyaway.export import nuke_detail
from flyaway.export.nuke import export_nuke
from flyaway.foreground import foreground
from flyaway.frames.ours import refuse_to_replace
from flyaway.matting import Matting
from flyaway.pictures.drawn import sample_plate
from flyaway.regions.numpy_backend import upsample
from flyaway.resample import resize
from flyaway.weights import model_info

# Torch's resizing (4e-7 of a colour off the core's) and the networks' rounding make 4e-5 of alpha.
BOUND = 3e-4
RESIZING = 1e-6
COARSE = 1e-4  # where nothing is fitted
FIT = 1e-4
COLOUR = 1e-4


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """The same weights with the view and, as version 6, without."""
    folder = tmp_path_factory.mktemp("nuke")
    return {
        name: export_nuke(load_network(model_info(name)), folder / f"{name}.pt")
        for name in ("fast", "fast@7", "fast@6")
    }


def test_a_live_model_replaces_a_live_model_and_nothing_else(files, tmp_path) -> None:
    from flyaway.cli.export_nuke import export_nuke as command

    refuse_to_replace(files["fast"], "live model")
    with zipfile.ZipFile(other := tmp_path / "theirs.pt", "w") as archive:
        archive.writestr("archive/code/__torch__/theirs.py", "")
    before = other.read_bytes()
    with pytest.raises(UsageError, match="is no live model that Flyaway wrote"):
        command("fast", other)
    assert other.read_bytes() == before


@pytest.fixture
def live(files) -> Any:
    return torch.jit.load(str(files["fast"]))


@pytest.fixture
def reduced(files) -> Any:
    """The same weights as `before`, which look at large plates reduced."""
    return torch.jit.load(str(files["fast@7"]))


@pytest.fixture
def before(files) -> Any:
    return torch.jit.load(str(files["fast@6"]))


@pytest.fixture(scope="module")
def core() -> Matting:
    return flyaway.load("fast", device="cpu", threads=1)


@pytest.fixture(scope="module")
def plate(astronaut) -> NDArray[np.float32]:
    """Three people beside each other, 420×1536×3: every pixel of their hair is a photograph's own."""
    one = astronaut[:420].astype(np.float32) / 255
    return np.concatenate((one, one[:, ::-1], one), 1)


def run(live: Any, plate: NDArray[np.float32], *, half: bool = False, **knobs: float) -> NDArray[np.float32]:
    """H×W×3 sRGB → 4×H×W."""
    for knob, value in {"colour": 2, **knobs}.items():
        assert isinstance(getattr(live, knob), type(value)), knob
        setattr(live, knob, value)
    with torch.no_grad():
        out = live(planes(plate).half()[None] if half else planes(plate)[None])
    found: NDArray[np.float32] = out[0].float().numpy()
    return found


def planes(image: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


@pytest.mark.parametrize("refine", [1, 0])
def test_a_large_plate_is_the_cores(live, core, plate, refine):
    matte = core(plate, refine=bool(refine))
    assert live.view == core.info.view < plate.shape[1]
    out = run(live, plate, output=2, refine=refine)
    off = np.abs(out[3] - matte.alpha)
    assert off.max() <= (BOUND if refine else COARSE)
    assert (off <= 1 / 1024).mean() >= 0.999
    assert np.abs(out[2] - matte.coarse).max() <= COARSE
    assert np.abs(out[0] - matte.unknown).max() <= COARSE
    if refine:
        small = core(resize(plate, *core.view(*plate.shape[:2])))
        bare = upsample(small.alpha, *plate.shape[:2])
        assert np.abs(out[3] - bare).max() > 0.1, "the plate's detail is in it"
    else:
        np.testing.assert_array_equal(out[3], out[2])


def test_a_large_plates_own_colour_is_the_cores(live, plate):
    """Sampled where the core's is: of real hair, at each pixel of it both colours are others."""
    out = run(live, plate, output=4)
    wanted = foreground(plate, out[3], "srgb")
    assert np.abs(out[:3].transpose(1, 2, 0) - wanted).max() <= COLOUR
    soft = (out[3] > 0.1) & (out[3] < 0.9)
    assert np.abs(wanted - plate)[soft].mean() > 0.02


def test_a_plate_without_people_in_it_is_the_cores(live, core):
    large = resize(sample_plate(400, 600).astype(np.float32) / 255, 1000, 1500)
    assert np.abs(run(live, large)[3] - core(large).alpha).max() <= BOUND


def test_resizing_is_the_cores(core, plate):
    size = core.view(*plate.shape[:2])
    found = torch.ops.aten._upsample_bilinear2d_aa(planes(plate)[None], list(size), False, None, None)
    assert np.abs(found[0].permute(1, 2, 0).numpy() - resize(plate, *size)).max() <= RESIZING


def test_cells_lie_where_they_were_looked_at(live, core, plate):
    height, width = plate.shape[:2]
    tall, wide = core.view(height, width)
    cells = core(resize(plate, tall, wide)).cells.repeat(live.cell, 0).repeat(live.cell, 1)
    rows, columns = (2 * np.arange(height) + 1) * tall // (2 * height), np.arange(width)
    columns = (2 * columns + 1) * wide // (2 * width)
    np.testing.assert_array_equal(run(live, plate, output=2)[1], cells[rows][:, columns])
    assert cells.any()
    assert not cells.all()


def test_one_that_is_not_larger_is_looked_at_as_it_is(reduced, before, plate):
    assert reduced.view > before.view == 0
    whole = plate[:, : reduced.view]
    for refine in (1, 0):
        knobs = {"output": 2, "refine": refine}
        np.testing.assert_array_equal(run(reduced, whole, **knobs), run(before, whole, **knobs))
    larger = plate[:, : reduced.view + 1]
    assert np.abs(run(reduced, larger, refine=1) - run(before, larger)).max() > 0


def test_weights_that_came_before_look_at_plates_as_they_did(before, plate):
    assert before.view == 0
    matting = flyaway.load("fast@6", device="cpu", threads=1)
    for refine in (1, 0):
        matte = matting(plate, refine=bool(refine))
        assert np.abs(run(before, plate, refine=refine)[3] - matte.alpha).max() <= COARSE
    assert matte.alpha.shape == plate.shape[:2]


def test_half_precision(live, plate):
    """Where half is slow, on a CPU, with a smaller view; the fit itself stays in single precision."""
    small = plate[32:212, 160:310]
    live.view = 100
    full = run(live, small, output=2)
    found = run(live.half(), small, half=True)
    np.testing.assert_array_equal(found[1], full[1])
    assert full[1].max() == 1, "regions were refined"
    assert (np.abs(found[3] - full[3]) <= 1 / 64).mean() >= 0.999


@pytest.mark.parametrize("size", [(1, 300), (300, 7), (65, 127), (33, 4000)])
def test_any_size(live, size):
    live.view = 48
    out = run(live, np.random.default_rng(3).random((*size, 3), np.float32) * 4 - 1, output=2)
    assert out.shape == (4, *size)
    assert np.isfinite(out).all()
    assert out[3].min() >= 0
    assert out[3].max() <= 1


@pytest.mark.parametrize(("size", "scale"), [((200, 330), 2.0), ((97, 61), 1.3), ((64, 500), 3.37)])
def test_the_fit_is_the_cores(size, scale):
    """Noise of all colours, and an alpha that is soft, solid and empty in parts."""
    random = np.random.default_rng(7)
    small_size = [round(side / scale) for side in size]
    alpha = (random.random(small_size, np.float32) * 3 - 1).clip(0, 1)
    alpha[: small_size[0] // 3] = 0
    alpha[:, : small_size[1] // 3] = 1
    plate = random.random((*size, 3), np.float32)
    small = resize(plate, *small_size)
    scripted = torch.jit.script(nuke_detail.detailed)
    found = scripted(planes(plate), planes(small), torch.from_numpy(alpha)).numpy()
    wanted = detail.detailed(plate, small, alpha)
    assert np.abs(found - wanted).max() <= FIT
    np.testing.assert_array_equal(found == 0, wanted == 0)
    np.testing.assert_array_equal(found == 1, wanted == 1)
    assert np.abs(wanted - upsample(alpha, *size)).max() > 0.1


def test_the_fit_is_exact_where_all_colours_are_grey(plate):
    """Against double precision: there every window's colours are of one line."""
    grey = np.repeat(plate.mean(2, keepdims=True), 3, 2)
    small = resize(grey, 210, 768)
    alpha = (small[..., 0] * 3 - 1).clip(0, 1)
    given = planes(grey), planes(small), torch.from_numpy(alpha)
    exact = nuke_detail.detailed(*(each.double() for each in given))
    assert (nuke_detail.detailed(*given) - exact).abs().max() <= FIT
    assert np.abs(exact.numpy() - upsample(alpha, *grey.shape[:2])).max() > 0.1
