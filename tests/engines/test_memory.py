"""8K within a stated bound: memory is that of the plate and its mattes, plus one chunk of regions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

# Plate (uint8) 106 MB, as the network sees it 425 MB, alpha and coarse alpha 142 MB each, trimap 35 MB;
# the rest is the interpreter, three graphs, and 32 regions at a time.
BOUND_MB = 1300
CODE = """
import json
import numpy as np
import flyaway

matting = flyaway.load("fast", device="cpu", threads=1)
plate = np.empty((4320, 8192, 3), np.uint8)
plate[:] = (np.arange(8192) // 32).astype(np.uint8)[None, :, None]
matting(plate[:64, :64])
cells = np.zeros((68, 128), bool)
cells[::4, ::4] = True
cells[-1, -1] = True
matte = matting(plate, cells=cells, reread=False)
refined = matte.alpha != matte.coarse
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({
    "peak": peak * 1024 / 1e6,
    "shape": matte.alpha.shape,
    "finite": bool(np.isfinite(matte.alpha).all()),
    "cells": int(matte.cells.sum()),
    "forced": int(cells.sum()),
    "outside": bool(refined[64:256].any()),
}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_8k_stays_within_its_bound():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["shape"] == [4320, 8192]
    assert result["finite"]
    assert result["cells"] == result["forced"] > 256  # more than are kept between the passes
    assert not result["outside"]
    assert result["peak"] < BOUND_MB
