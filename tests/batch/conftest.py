"""Small shots, and a matting that costs nothing: what is tested here is the run, not the network."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


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
        self.seen: list[np.ndarray] = []

    def forget(self) -> None:
        self.seen = []

    def __call__(self, plate, encoding="srgb", *, refine=True):
        self.seen = [*self.seen, plate[..., 1]][-5:]
        return SimpleNamespace(alpha=np.clip(np.mean(self.seen, axis=0), 0, 1).astype(np.float32))


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
