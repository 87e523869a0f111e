"""How near a chunk comes to the unbroken shot, by the number of its handles: the table of docs/shots.md.

    python docs/measure_handles.py [--model fast] [--clip …] [--handles …] [--of …] [--size …]
    python docs/measure_handles.py --frames BANK/val/clips/walk …

`--of coarse` is the coarse stage alone, `refined` the whole network, `no hysteresis` the same where regions
are chosen as in stills; `levels` says, of the coarse stage, what would be left were one of its states exact.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway import shots
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.resample import resize
from flyaway.shots import ShotState
from flyaway.weights import model_info

ASTRONAUT = Path(__file__).resolve().parents[1] / "examples" / "astronaut.png"
FIRST, COUNT = 56, 8  # of the chunk of a drawn clip: where it begins; how many frames of any are compared
HANDLES = (0, 8, 16, 24, 32, 48)
CLIPS = ("moving", "swaying", "locked")
KINDS = ("coarse", "levels", "refined", "no hysteresis")


def clip(kind: str, height: int, width: int) -> list[NDArray[np.float32]]:
    """The astronaut with grain: moving by 1 px a frame, swaying, or standing in changing light."""
    whole = np.asarray(oiio.ImageBuf(str(ASTRONAUT)).get_pixels(oiio.FLOAT))[:256, 64:448, :3]
    plate = resize(np.ascontiguousarray(whole), height, width)
    frames = []
    for number in range(FIRST + COUNT):
        shift = {"moving": number, "swaying": round(10 * np.sin(number / 4))}.get(kind, 0)
        gain = 1 + 0.2 * np.sin(number / 9) if kind == "locked" else 1.0
        grain = np.random.default_rng(number).normal(0, 0.01, plate.shape)
        frames.append(np.clip(np.roll(plate, shift, axis=1) * gain + grain, 0, 1).astype(np.float32))
    return frames


def footage(folder: Path) -> list[NDArray[np.float32]]:
    """A clip from a folder of plates, beside which mattes may lie as NAME.alpha.png."""
    paths = sorted(path for path in folder.glob("*.png") if path.name.count(".") == 1)
    found = [np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., :3] for path in paths]
    return [np.ascontiguousarray(plate) for plate in found]


def run(
    matting: Matting,
    frames: list[NDArray[np.float32]],
    state: ShotState | None = None,
    *,
    refine: bool = False,
    hysteresis: bool = True,
) -> tuple[NDArray[np.float32], ShotState]:
    """The mattes of a shot that goes on with `state`, and what its last frame left.

    Parameters
    ----------
    matting, frames, state : what is run.
    refine : False: the coarse stage alone.
    hysteresis : False: regions are chosen in each frame as in a still.
    """
    found = []
    with matting.shot() as shot:
        if state is not None:
            shot.restore(state)
        for plate in frames:
            found.append(shot(plate, refine=refine, reread=False).alpha)
            left = shot.state()
            held = left.states.held if hysteresis else None
            shot.restore(replace(left, states=replace(left.states, held=held)))
        return np.stack(found), shot.state()


def tell(name: str, found: NDArray[np.float32], whole: NDArray[np.float32]) -> None:
    """Print how near two runs are."""
    difference = np.abs(found - whole)
    within = (difference <= 1 / 255).mean()
    worst, mean = difference.max(), difference.mean()
    print(f"{name}: {within:.2%} within 1/255, the worst {worst:.3f}, the mean {mean:.4f}", flush=True)


def compare(
    matting: Matting,
    frames: list[NDArray[np.float32]],
    name: str,
    handles: Iterable[int],
    of: str,
) -> None:
    """The unbroken shot beside chunks with so many handles."""
    begin = len(frames) - COUNT
    how = {"refine": of in ("refined", "no hysteresis"), "hysteresis": of != "no hysteresis"}
    _, before = run(matting, frames[:begin], **how)
    whole, _ = run(matting, frames[begin:], before, **how)
    for count in handles:
        state = run(matting, frames[begin - count : begin], **how)[1] if count else None
        found, _ = run(matting, frames[begin:], state, **how)
        tell(f"{name} {count:3} handles", found, whole)
        for level in range(len(before.states.arrays) if of == "levels" and state is not None else 0):
            arrays = list(state.states.arrays)
            arrays[level] = before.states.arrays[level]
            mixed = replace(state, states=replace(state.states, arrays=tuple(arrays)))
            found, _ = run(matting, frames[begin:], mixed, **how)
            tell(f"{name} {count:3} handles, level {level} {arrays[level].shape[1:]} exact", found, whole)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="fast")
    parser.add_argument(
        "--weights", type=Path, help="a folder with a manifest; the released weights if not given"
    )
    parser.add_argument("--handles", type=int, nargs="*", default=HANDLES)
    parser.add_argument("--clip", nargs="*", default=CLIPS, choices=CLIPS)
    parser.add_argument("--of", nargs="*", default=["coarse"], choices=KINDS)
    parser.add_argument(
        "--kept", type=float, default=shots.KEPT, help="what a frame hands on of its memory; for experiments"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, default=(128, 192), help="height and width of the plates"
    )
    parser.add_argument(
        "--frames", type=Path, nargs="*", default=(), help="folders of plates (PNG), instead of drawn clips"
    )
    asked = parser.parse_args()
    info = model_info(asked.model, asked.weights)
    matting = Matting(info, open_engine(info, "cpu", threads=1))
    if not matting.remembers:
        parser.error(f"{info.versioned_name} has no memory: chunks are the shot whatever their handles")
    shots.KEPT = asked.kept
    drawn = () if asked.frames else asked.clip
    made = itertools.chain(
        ((kind, clip(kind, *asked.size)) for kind in drawn),
        ((folder.name, footage(folder)) for folder in asked.frames),
    )
    for kind, frames in made:
        if max(asked.handles) > len(frames) - COUNT:
            parser.error(f"{kind} has {len(frames)} frames: too few for {max(asked.handles)} handles")
        for of in asked.of:
            compare(matting, frames, f"{kind:8} {of:13}", asked.handles, of)


if __name__ == "__main__":
    main()
