"""The detail of a large plate, held from frame to frame where the plate stands still, as its hair is.

A large plate's detail is asked of its own pixels (`flyaway.detail`), and with them of their grain, which
reducing the plate had averaged away: in strands alpha would change several times as much from frame to frame
as in the smaller picture that `flyaway.steady` has filtered. So the mean over frames that it takes there is
taken of the detail too. Not over as many where something moves: detail is not brought along, which costs more
at its own size than it shows, and a mean over n frames lags n times as far behind as things move in one. So
it is over so few that it lags by a tenth of the plate's pixels; what moves more is left as it is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.block_motion import BLOCK
from flyaway.cells import tiles_of
from flyaway.detail import AT_ONCE, TILE, Bool, Float
from flyaway.geometry import grid_size
from flyaway.parallel import each
from flyaway.regions.numpy_backend import sample_cells
from flyaway.steady import Held

# Pixels of the plate: by how many the mean may lag behind, and how far a block moves that is not held at all.
LAG, MOVES = np.float32(0.1), np.float32(0.5)
_STANDS = np.float32(1e-3)  # px: what moves no more lags behind no mean
_LEAST = np.float32(1e-3)  # frames: what a block counts at least in how its neighbours moved
_LEVELS = np.float32(65535)  # what is kept is kept in as many, in a run that resumes and in one that does not


@dataclass(frozen=True)
class Detail:
    """What a frame leaves to the next one's detail. Nothing is written into it.

    Attributes
    ----------
    size : height and width of the plate.
    tiles : rows×columns bool, which tiles of 64 px are kept.
    alpha : K×64×64 uint16, as it was given out in these; 65535 is 1.
    """

    size: tuple[int, int]
    tiles: Bool
    alpha: NDArray[np.uint16] = field(repr=False)

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays, as `from_arrays` takes them."""
        size = np.array(self.size, np.int64)
        return {"detail_size": size, "detail_tiles": self.tiles, "detail_alpha": self.alpha}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Detail | None:
        """The inverse; None where no detail is kept. Others' arrays are looked at first.

        Raises
        ------
        KeyError, ValueError : something is missing, or is of a type or size that no frame leaves.
        """
        if not any(name.startswith("detail_") for name in arrays):
            return None
        size, tiles, alpha = (arrays[f"detail_{name}"] for name in ("size", "tiles", "alpha"))
        if (
            size.dtype != np.int64
            or size.shape != (2,)
            or not (0 < int(size.min()) <= int(size.max()) < 1 << 20)
        ):
            raise ValueError("detail_size")
        height, width = (int(side) for side in size)
        if tiles.dtype != bool or tiles.shape != grid_size(height, width, TILE):
            raise ValueError("detail_tiles")
        if alpha.dtype != np.uint16 or alpha.shape != (int(tiles.sum()), TILE, TILE):
            raise ValueError(f"detail_alpha: {alpha.dtype} {alpha.shape}")
        return cls((height, width), tiles, alpha)


def hold(
    alpha: Float, tiles: Bool, view: tuple[int, int], held: Held | None, before: Detail | None, threads: int
) -> Detail:
    """Hold a plate's detail where it stands still, in place, and tell what this frame leaves.

    Parameters
    ----------
    alpha : H×W float32, 0..1, with its detail.
    tiles : rows×columns bool, the tiles of 64 px that have some.
    view : height and width at which the plate was looked at.
    held : what was held there; None where the shot begins.
    before : what the frame before left.
    threads : that work on it at once, for the same result to the bit.
    """
    size = height, width = alpha.shape[0], alpha.shape[1]
    if held is not None and before is not None and before.size == size:
        frames = _frames(held, view, np.array([height / view[0], width / view[1]], np.float32))
        numbers = np.cumsum(before.tiles).reshape(before.tiles.shape) - 1
        both = np.argwhere(tiles & before.tiles)

        def mix(first: int) -> None:
            some = both[first : first + AT_ONCE]
            share = sample_cells(frames[None], some, TILE, height, width)[:, 0]
            share /= share + 1
            for (row, column), part in zip(some.tolist(), share, strict=True):
                if part.any():
                    place = alpha[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
                    there = slice(0, place.shape[0]), slice(0, place.shape[1])
                    old = before.alpha[numbers[row, column]][there] / _LEVELS
                    old -= place
                    old *= part[there]
                    place += old

        each(mix, range(0, len(both), AT_ONCE), threads)
    kept = tiles_of(alpha, tiles, TILE)
    kept *= _LEVELS
    return Detail((height, width), tiles, np.rint(kept, out=kept).astype(np.uint16))


def _frames(held: Held, view: tuple[int, int], scale: Float) -> Float:
    """Over how many frames before this one detail is a mean, h×w: fewer where something moves."""
    moved = np.abs(_moved(held) * scale).max(1)
    most = LAG / np.maximum(moved, _STANDS) - LAG / MOVES
    frames = np.zeros(view, np.float32)
    for (top, left), counts, limit in zip(held.blocks.tolist(), held.counts, most.clip(0), strict=True):
        place = frames[top : top + BLOCK, left : left + BLOCK]
        np.minimum(counts[: place.shape[0], : place.shape[1]], limit, out=place)
    return frames


def _moved(held: Held) -> Float:
    """By how much blocks moved, M×2: means over 3×3 of them, since in one grain is as much as slow motion."""
    weight = held.counts.mean((1, 2))[:, None] + _LEAST
    row, column = (held.blocks // BLOCK + 1).T
    grid = np.zeros((row.max() + 2, column.max() + 2, 3), np.float32)
    grid[row, column] = np.concatenate((held.moved * weight, weight), axis=1)
    around = sum(grid[row + down, column + across] for down in (-1, 0, 1) for across in (-1, 0, 1))
    return np.asarray(around[:, :2] / around[:, 2:])
