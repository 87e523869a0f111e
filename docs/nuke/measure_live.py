"""How the file of the live node behaves in other releases of torch, and at 8K. Needs torch and numpy alone.

    flyaway export nuke -o fast.pt                               # with the newest torch
    python docs/nuke/measure_live.py write fast.pt plate.png     # there: inputs and answers → fast.npz
    python3.9 docs/nuke/measure_live.py check fast.pt            # in torch 1.12.1, 2.1.1, …
    python docs/nuke/measure_live.py large fast.pt 7680 4320     # time and memory, on one thread
    python docs/nuke/measure_live.py large fast.pt 1024 768 all  # every cell refined

`write` also needs OpenImageIO, for the plate; `check` and `large` take the plate from the .npz.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

KNOBS = ("colour", "exposure", "output", "refine", "black", "white", "threshold", "cpu_chunk")


def cases(plate):
    """Name, 1×3×H×W input and knobs of every run; `plate` is sRGB 0..1."""
    random = np.random.RandomState(3)
    for height, width in ((1, 1), (7, 300), (65, 127), (201, 333)):
        wild = random.rand(1, 3, height, width).astype(np.float32) * 4 - 1
        yield f"{width}x{height}", torch.from_numpy(wild), {}
    odd = plate[:, :, :301, :402].contiguous()
    bad = plate.clone()
    bad[:, :, 300:304, 8:12] = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30])
    for choice in range(4):
        yield f"colour {choice}", odd, {"colour": choice, "exposure": 0.5}
        yield f"output {choice}", odd, {"colour": 2, "output": choice}
        yield f"NaN and infinity, colour {choice}", bad, {"colour": choice}
    yield "whole plate", plate, {"colour": 2}
    yield "black and white point", plate, {"colour": 2, "black": 0.25, "white": 0.75}
    yield "no refining", plate, {"colour": 2, "refine": 0}
    yield "no regions", plate, {"colour": 2, "output": 2, "threshold": 2.0}
    yield "all regions", plate, {"colour": 2, "output": 2, "threshold": -1.0}
    yield "chunks of 7", plate, {"colour": 2, "cpu_chunk": 7}
    large = torch.nn.functional.interpolate(plate[:, :, :300], (800, 1366), mode="bilinear").contiguous()
    yield "larger than the view", large, {"colour": 2, "output": 2}


def answers(file, plate):
    """Every case's 1×4×H×W answer; one loaded module for all, as in Nuke."""
    live = torch.jit.load(str(file))
    at_first = {knob: getattr(live, knob) for knob in KNOBS}
    for name, image, knobs in cases(plate):
        for knob, value in {**at_first, **knobs}.items():
            setattr(live, knob, value)
        with torch.no_grad():
            out = live(image)
        if tuple(out.shape) != (1, 4, *image.shape[2:]) or not bool(torch.isfinite(out).all()):
            raise SystemExit(f"{name}: {tuple(out.shape)}, or not finite")
        if name in ("no regions", "all regions") and not bool((out[:, 1] == (name == "all regions")).all()):
            raise SystemExit(f"{name}: others were chosen")
        yield name, out.numpy()


def write(file, picture):
    """What this torch makes of `picture` and of made-up plates → NAME.npz."""
    import OpenImageIO as oiio

    pixels = np.asarray(oiio.ImageBuf(picture).get_pixels(oiio.UINT8))[:420, :, :3]
    plate = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    out = dict(answers(file, torch.from_numpy(plate)))
    np.savez(file.with_suffix(".npz"), plate=plate, **out)
    print(f"torch {torch.__version__}: {len(out)} cases of {file.name}")


def check(file):
    """The same in this torch, and how far it is from that."""
    kept = np.load(file.with_suffix(".npz"))
    worst, count = ("", 0.0), 0
    for name, out in answers(file, torch.from_numpy(kept["plate"])):
        # Plates reach 1e30 where they are bad: those are compared by their own size.
        size = np.maximum(1, np.abs(kept[name]))
        off = float((np.abs(out - kept[name]) / size).max())
        worst, count = max(worst, (name, off), key=lambda pair: pair[1]), count + 1
    python = sys.version.split()[0]
    print(f"torch {torch.__version__}, Python {python}: {count} cases, furthest {worst[1]:.1e} ({worst[0]})")
    if worst[1] > 1e-4:
        raise SystemExit(1)


def large(file, width, height, every=""):
    """Seconds and memory of one large frame."""
    plate = torch.from_numpy(np.load(file.with_suffix(".npz"))["plate"])
    image = torch.nn.functional.interpolate(plate, (int(height), int(width)), mode="bilinear")
    live = torch.jit.load(str(file))
    live.colour, live.output = 2, 2
    if every:
        live.threshold = -1.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, busy = time.perf_counter(), time.process_time()
    with torch.no_grad():
        out = live(image)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    # Cells are of the picture that the network looked at: its longer side is `view` px at most.
    step = live.cell * max(1.0, max(image.shape[2:]) / live.view if live.view else 1.0)
    rows, columns = (np.arange(-(-side // step)) * step + step / 2 for side in image.shape[2:])
    cells = out[0, 1][rows.clip(max=image.shape[2] - 1).astype(int)][
        :, columns.clip(max=image.shape[3] - 1).astype(int)
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{file.name} {width}×{height}: {int(cells.sum())} of {cells.numel()} regions, {wall:.1f} s"
        f" ({busy:.1f} s of processor), {peak:.0f} MiB at most, {before:.0f} MiB before"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, path = sys.argv[1], Path(sys.argv[2])
    {"write": write, "check": check, "large": large}[command](path, *sys.argv[3:])
