"""The live module's matte controls, scripted, beside the core's: on an edge with noise, and holes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from flyaway import edges
from flyaway.controls import levels
from flyaway.export import nuke_controls
from flyaway.subject import Subject, alone

BOUND = 2 / 1024


@pytest.fixture(scope="module")
def matte() -> np.ndarray:
    """A round person with a noisy rim and a hole, and a square one at the frame's edge with another."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:150, :210] + 0.5
    alpha = np.clip(40 - np.hypot(y - 70, x - 80) + rng.normal(0, 0.3, (150, 210)), 0, 1).astype(np.float32)
    alpha[60:66, 70:76] = 0.1
    alpha[100:150, 150:200] = 1
    alpha[120:124, 170:175] = 0
    return alpha


@pytest.mark.parametrize(
    ("name", "values"),
    [("levels", (0.1, 0.8, 1.7)), ("levels", (0.0, 1.0, 1.0))]
    + [("grow", (amount,)) for amount in (-0.5, 2.5, -7.3, 3.0)]
    + [("soften", (sigma,)) for sigma in (0.7, 4.0)]
    + [("fill_holes", (size,)) for size in (5.0, 12.0)],
)
def test_each_is_the_cores(matte, name, values):
    scripted = torch.jit.script(getattr(nuke_controls, name))
    core = levels if name == "levels" else getattr(edges, name)
    wanted = core(matte, *values)
    found = scripted(torch.from_numpy(matte), *values).numpy()
    assert np.abs(found - wanted).max() <= BOUND
    if values != (0.0, 1.0, 1.0):
        assert np.abs(wanted - matte).max() > 0.05


@pytest.mark.parametrize("text", ["all", "largest", "centre", "175,120", "10,10"])
def test_a_person_is_the_cores(matte, text):
    only = torch.jit.script(nuke_controls.only)
    subject = Subject.parse(text)
    which = nuke_controls.SUBJECTS.index(subject.kind)
    place = subject.place or (0.0, 0.0)
    for picture in (matte, np.zeros_like(matte), np.ones_like(matte)):
        found = only(torch.from_numpy(picture), which, *place).numpy()
        assert np.abs(found - alone(picture, subject)).max() <= BOUND
