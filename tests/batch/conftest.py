"""Small shots, and a matting that costs nothing: what is tested here is the run, not the network."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from flyaway.engines.base import States
from flyaway.shots import ShotMatting, ShotState


class Luma:
    """Stands in for a network: alpha is the plate's green. Notes every call."""

    device = "cpu"

    def __init__(self, name: str = "luma", digest: str = "0" * 64) -> None:
        self.info = SimpleNamespace(
            name=name,
            licence="Apache-2.0",
            files={"only": SimpleNamespace(sha256=digest)},
            reads_encoded=False,
        )
        self.calls = 0

    def __call__(self, plate, encoding="srgb", *, refine=True):
        self.calls += 1
        return SimpleNamespace(alpha=np.clip(np.nan_to_num(plate[..., 1]), 0, 1).astype(np.float32))


class Remembering(Luma):
    """Stands in for a model with a memory of five frames: alpha is the mean green of the last five plates."""

    remembers = True

    def __init__(self) -> None:
        super().__init__("remembering")
        self.info.remembers = True

    def shot(self, *, steadiness=1.0):
        return FiveFrames(self, steadiness)


class FiveFrames(ShotMatting):
    """Its shot: the network's states are the last five plates' green; all else is the real thing."""

    def __call__(self, plate, encoding="srgb", *, frame=None, refine=True, **_shape):
        before = self.state()
        if self._follows is not None and frame not in self._follows:
            before = ShotState()
        if np.isnan(plate[0, 0, 0]):
            raise ValueError("a network that fails")
        self._matting.calls += 1
        green = np.clip(plate[..., 1], 0, 1).astype(np.float32)
        last = (*before.states.arrays, green)[-5:]
        self.restore(ShotState(States(last), frame=frame))
        self.began = ""
        alpha = np.mean(np.stack(last), axis=0, dtype=np.float64).astype(np.float32)
        return SimpleNamespace(alpha=alpha, unknown=alpha)


@pytest.fixture
def luma():
    return Luma()


@pytest.fixture
def shot(tmp_path, write_plate):
    """`shot(count)` → the pattern of that many frames of noise, 1001…, each another."""

    def make(count: int, size: int = 32, folder: str = "plates") -> str:
        (tmp_path / folder).mkdir(exist_ok=True)
        for frame in range(1001, 1001 + count):
            pixels = np.random.default_rng(frame).random((size, size, 3), np.float32)
            write_plate(tmp_path / folder / f"p.{frame}.exr", pixels)
        return str(tmp_path / folder / "p.####.exr")

    return make
