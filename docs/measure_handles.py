"""How near a chunk comes to the unbroken shot, by the number of its handles: the table of docs/shots.md.

python docs/measure_handles.py [--model fast] [--weights FOLDER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.resample import resize
from flyaway.weights import model_info

ASTRONAUT = Path(__file__).resolve().parents[1] / "examples" / "astronaut.png"
FIRST, COUNT = 56, 8  # of the chunk: where it begins, and how many frames of it are compared
HANDLES = (0, 8, 16, 24, 32, 48)


def clip(kind: str) -> list[NDArray[np.float32]]:
    """192×128, the astronaut with grain: moving by 1 px a frame, swaying, or standing in changing light."""
    whole = np.asarray(oiio.ImageBuf(str(ASTRONAUT)).get_pixels(oiio.FLOAT))[:256, 64:448, :3]
    plate = resize(np.ascontiguousarray(whole), 128, 192)
    frames = []
    for number in range(FIRST + COUNT):
        shift = {"moving": number, "swaying": round(10 * np.sin(number / 4))}.get(kind, 0)
        gain = 1 + 0.2 * np.sin(number / 9) if kind == "locked" else 1.0
        grain = np.random.default_rng(number).normal(0, 0.01, plate.shape)
        frames.append(np.clip(np.roll(plate, shift, axis=1) * gain + grain, 0, 1).astype(np.float32))
    return frames


def alphas(matting: Matting, frames: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The coarse stage's mattes of a shot, which is all that remembers."""
    with matting.shot() as shot:
        return np.stack([shot(plate, refine=False, reread=False).alpha for plate in frames])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="fast")
    parser.add_argument(
        "--weights", type=Path, help="a folder with a manifest; the released weights if not given"
    )
    asked = parser.parse_args()
    info = model_info(asked.model, asked.weights)
    matting = Matting(info, open_engine(info, "cpu"))
    if not matting.remembers:
        parser.error(f"{info.versioned_name} has no memory: chunks are the shot whatever their handles")
    for kind in ("moving", "swaying", "locked"):
        frames = clip(kind)
        whole = alphas(matting, frames)[FIRST:]
        for handles in HANDLES:
            difference = np.abs(alphas(matting, frames[FIRST - handles :])[handles:] - whole)
            within = (difference <= 1 / 255).mean()
            print(
                f"{kind:8} {handles:3} handles: {within:.2%} within 1/255, the worst {difference.max():.3f}"
            )


if __name__ == "__main__":
    main()
