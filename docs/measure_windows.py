"""What a data window that wanders over a locked plate does to a shot: the numbers of docs/shots.md.

    python docs/measure_windows.py

A shipped photograph with grain, 512×384, is written as EXRs that are cropped otherwise in each frame,
and matted as a shot and as stills. Counted are pixels at least 32 px from every window's edge.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

import flyaway
from flyaway.batch import RunOptions, Target, plan_shot, run_plan
from flyaway.color import srgb_to_linear
from flyaway.frames.plate import Window
from flyaway.frames.windows import fit_window
from flyaway.matting import DEFAULT_MODEL

PICTURE = Path(__file__).resolve().parents[1] / "examples" / "astronaut.png"
HEIGHT, WIDTH, FRAMES = 384, 512, 10
FORMAT = Window(0, 0, WIDTH, HEIGHT)
COUNTED = np.s_[:, 72 : HEIGHT - 56, 72 : WIDTH - 80]
Float = NDArray[np.float32]


def wandering(number: int) -> Window:
    """In size and in place."""
    left, top, right, bottom = 24 + 7 * (number % 3), (number * 11) % 40, (number * 13) % 48, 8 * (number % 4)
    return Window(left, top, WIDTH - left - right, HEIGHT - top - bottom)


WINDOWS: dict[str, Callable[[int], Window]] = {
    "not cropped": lambda _: FORMAT,
    "fixed": lambda _: Window(40, 40, WIDTH - 88, HEIGHT - 64),
    "in place": lambda number: Window(5 * (number % 5), 3 * (number % 4), WIDTH - 40, HEIGHT - 24),
    "in size and place": wandering,
    "stabilised": lambda number: Window(4 + 5 * (number % 5), 3 * (number % 4) - 6, WIDTH, HEIGHT),
}


def plates(folder: Path, window: Callable[[int], Window]) -> str:
    """Write the shot; returns its pattern."""
    folder.mkdir()
    photograph = np.asarray(oiio.ImageBuf(str(PICTURE)).get_pixels(oiio.FLOAT))[:HEIGHT, :WIDTH, :3]
    rng = np.random.default_rng(5)
    for number in range(FRAMES):
        grain = rng.normal(0, 0.002, photograph.shape)
        pixels = np.maximum(srgb_to_linear(photograph) + grain, 0).astype(np.float32)
        own = window(number)
        spec = oiio.ImageSpec(own.width, own.height, 3, oiio.FLOAT)
        spec.x, spec.y, spec.full_width, spec.full_height = own.x, own.y, WIDTH, HEIGHT
        picture = oiio.ImageBuf(spec)
        picture.set_pixels(picture.roi, fit_window(pixels, FORMAT, own))
        if not picture.write(str(folder / f"p.{number:04d}.exr")):
            raise OSError(picture.geterror())
    return str(folder / "p.####.exr")


def matted(matting: flyaway.Matting, source: str, out: Path, *, stills: bool) -> Float:
    """The shot's mattes over the format, frames×height×width, where they are counted."""
    out.mkdir()
    plan = plan_shot("shot", source, [Target(str(out / "m.####.exr"))])
    run_plan(matting, plan, RunOptions(stills=stills))
    found = []
    for path in sorted(out.glob("m.*.exr")):
        held = oiio.ImageBuf(str(path))
        own = held.spec()
        window = Window(own.x, own.y, own.width, own.height)
        found.append(fit_window(np.asarray(held.get_pixels(oiio.FLOAT)), window, FORMAT)[..., 0])
    return np.stack(found)[COUNTED]


def main() -> None:
    """Print a line for each kind of window."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    matting = flyaway.load(parser.parse_args().model, "cpu", threads=1)
    whole: Float | None = None
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, window) in enumerate(WINDOWS.items()):
            source = plates(Path(folder) / f"plates{place}", window)
            for stills in (False, True):
                out = Path(folder) / f"{place}{stills}"
                found = matted(matting, source, out, stills=stills)
                whole = found if whole is None else whole
                steps, apart = np.abs(np.diff(found, axis=0)), np.abs(found - whole)
                print(
                    f"{name:18} {'stills' if stills else 'shot':6}"
                    f" from frame to frame {1e3 * steps.mean():5.2f} ×10⁻³;"
                    f" of the shot not cropped {100 * (apart <= 1 / 255).mean():6.2f} % within 1/255,"
                    f" worst {apart.max():.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
