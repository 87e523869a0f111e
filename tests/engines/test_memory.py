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
# The same of the usual frames, with the network alone; the arena that the graphs share is part of it.
# MB, of the whole process, Python and onnxruntime in it.
FRAMES = {"HD": (1080, 1920, 310), "UHD": (2160, 3840, 480)}
CODE = """
import json
import numpy as np
import flyaway

matting = flyaway.load("fast", device="cpu", threads=1)
plate = np.empty((4320, 8192, 3), np.uint8)
plate[:] = (np.arange(8192) // 32).astype(np.uint8)[None, :, None]
matting(plate[:64, :64])
cells = np.zeros((135, 256), bool)
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
    "outside": bool(refined[40:120].any()),
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


FRAME_CODE = """
import sys
import flyaway
from flyaway import bench
from flyaway.pictures import drawn

height, width = int(sys.argv[1]), int(sys.argv[2])
matting = flyaway.load("fast", device="cpu", threads=1)
plate = drawn.gradient_plate(width, height)
cells = bench.force_cells((-(-height // 32), -(-width // 32)), 0.06)
for _ in range(3):
    matting(plate, cells=cells, reread=False)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(peak * 1024 / 1e6)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("size", FRAMES)
def test_a_frame_stays_within_its_bound(size):
    height, width, bound = FRAMES[size]
    done = subprocess.run(
        [sys.executable, "-c", FRAME_CODE, str(height), str(width)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < bound


def test_no_session_waits_in_a_loop_after_its_run_and_all_share_one_arena(ort_engine):
    for session in ort_engine._sessions.values():
        options = session.get_session_options()
        assert options.get_session_config_entry("session.force_spinning_stop") == "1"
        assert options.get_session_config_entry("session.use_env_allocators") == "1"
        assert not options.enable_cpu_mem_arena


def test_an_arena_that_the_process_has_already_is_no_error():
    """Another user of onnxruntime in this process, such as a host, may have registered one first."""
    code = """
import onnxruntime as ort
memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
ort.create_and_register_allocator(memory, ort.OrtArenaCfg(0, 0, -1, -1))
import numpy as np
import flyaway
matte = flyaway.load("fast", device="cpu", threads=1)(np.zeros((64, 64, 3), np.uint8))
print(matte.alpha.shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(64, 64)"
