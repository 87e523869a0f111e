"""What holds hair from frame to frame: the alpha of a shot, filtered along the motion of its plate.

The refiner decides on hair in each frame anew, and grain is enough for another decision. So in regions that
were refined, a soft pixel's alpha moves only part of the way from where it was in the frame before to what is
found now. How far is up to the plate: where it shows the same as before, moved or not, but for its noise, the
matte has no reason to change. Where it shows something else, what is found now stands as it is. What is 0 or
1 in both frames is not touched, nor is anything outside those regions.

Alpha of the frame before is brought along with the block it lies in (`flyaway.block_motion`). A pixel's
confidence in it falls from 1 to 0 as what changed in the plate around exceeds what noise, and the error
that is left in that motion, explain. The filter is a mean over the frames for which that holds, at most
`LONGEST`: a Kalman filter, whose gain is 1/(n + 1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flyaway import block_motion as motion
from flyaway.block_motion import AROUND, BLOCK, MARGIN, REACH, SIDE, Bool, Float, Index
from flyaway.cells import CELL, beside, by_block, luma_of, own_cells, plane_of, put, tiles_of
from flyaway.errors import ControlError
from flyaway.noise import noise_between, samples_of
from flyaway.plate import Plane
from flyaway.steady_history import History, Planes

Bytes = NDArray[np.uint8]

VERSION = 3  # another number makes mattes of before stale
LONGEST = 4  # frames that a mean is over, at most
SOFT = np.float32(0.004)  # alpha this near to 0 or 1 is as good as that
# Mean squared change of the plate over 5×5 px, in shares of what is expected: below the first an alpha of the
# frame before is believed in full, above the second not at all.
BELIEVED, REFUSED = np.float32(1.2), np.float32(2.2)
_UNSURE = np.float32(0.05**2)  # px²: the error that is left in a block's motion
_RAMP, _APART = 4, np.float32(0.5)  # px: how soon confidence may change at a block's side, and motion there
_SHOWN = 30  # energy of the plate's slopes, in shares of what noise shows: less is no sure motion
_LEAST_NOISE = np.float32(1)  # levels²; the plate is kept in bytes
AT_ONCE = 256  # blocks: what is worked on stays in the cache
_COUNTED = 16  # parts of a frame in which history is counted


class Held(NamedTuple):
    """What was held of a frame.

    Attributes
    ----------
    blocks : M×2, rows and columns of blocks' first pixels.
    counts : M×16×16 float32, over how many frames besides this one alpha is a mean.
    moved : M×2 float32, by how many pixels each moved since the frame before, down and across.
    """

    blocks: Index
    counts: Float
    moved: Float


def checked_steadiness(value: float) -> float:
    """The same; ControlError unless it is between 0 and 1."""
    if not 0 <= value <= 1:
        raise ControlError(f"a steadiness lies between 0 and 1, and {value!r} does not")
    return float(value)


def steadied(
    image: Plane,
    alpha: Float,
    refined: Bool,
    cell: int,
    before: History | None,
    steadiness: float = 1.0,
) -> tuple[Float, History, Held | None]:
    """Filter the alpha of a frame.

    Parameters
    ----------
    image : H×W×3, the plate, display-referred sRGB: float32 0..1, or uint8 or uint16.
    alpha : H×W float32, 0..1, what was found in this frame alone; it may be written into.
    refined : rows×columns bool, the regions that were refined.
    cell : their side in px.
    before : what the frame before left, of the same size; None begins anew, with alpha as it was found.
    steadiness : 0..1, the share of `LONGEST`.

    Returns
    -------
    H×W alpha, what this frame leaves, and what was held; None where nothing was.
    """
    height, width = alpha.shape
    cells = own_cells(refined, cell, height, width)
    kept = beside(cells)
    luma = luma_of(image, kept)
    found = tiles_of(alpha, kept)
    count = np.zeros(luma.shape, np.uint8)
    samples = samples_of(image)
    now = Planes(luma, found, kept, (height, width))
    held = None
    if before is not None and before.cells.shape == kept.shape:
        tile, where, blocks = _soft_blocks(found, kept, cells, height, width)
        if len(blocks):
            noise = noise_between(before.samples, samples)
            then = before.planes or Planes(before.luma, before.alpha, before.cells, (height, width))
            past = plane_of(before.count, before.cells, (height, width), AROUND)
            most = steadiness * (LONGEST - 1)
            values, held = _filtered(now, then, past, blocks, noise, most)
            by_block(found)[tile, where[:, 0], where[:, 1]] = values
            by_block(count)[tile, where[:, 0], where[:, 1]] = np.rint(held.counts * _COUNTED)
            alpha = alpha if alpha.flags.writeable else alpha.copy()
            changed = np.unique(tile)
            tiles, places = found[changed], np.argwhere(kept)[changed]
            put(alpha, tiles, places)
            now.put_alpha(tiles, places)
    return alpha, History(kept, luma, found, count, samples, now), held


def _filtered(
    now: Planes, then: Planes, counted: Bytes, blocks: Index, noise: float, most: float
) -> tuple[Float, Held]:
    """The blocks' alpha, M×16×16, and what was held of them."""
    # In one thread: steps are over so soon that two would wait for the interpreter, and take a fifth longer.
    compared = [
        _compared(now, then, counted, blocks[first : first + AT_ONCE], noise)
        for first in range(0, len(blocks), AT_ONCE)
    ]
    new, old, trust, count, found, shown = (np.concatenate(parts) for parts in zip(*compared, strict=True))
    trust *= _belief(found, shown)
    _join(trust, found, blocks)
    trust *= _is_soft(new) | _is_soft(old)
    n = np.minimum(trust * (count + 1), np.float32(most))
    return new + n / (n + 1) * (old - new), Held(blocks, n, found.astype(np.float32))


def _compared(
    now: Planes, then: Planes, counted: Bytes, blocks: Index, noise: float
) -> tuple[Float, Float, Float, Float, Float, Float]:
    """Blocks beside what they were in the frame before, each by itself.

    Returns
    -------
    M×16×16 each: alpha as it is found and as it was, how far the plate lets the latter be believed, over how
    many frames it is a mean. M×2: by how far they moved. M: how much is seen in them.
    """
    top, left = blocks[:, 0] - MARGIN, blocks[:, 1] - MARGIN
    here, wide = _luma(now, top, left, SIDE), motion.squares(now.alpha, top, left, SIDE)
    new = wide[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    steps = motion.whole_steps(now.small, then.small, blocks, wide, noise)
    # One more on either side than a block sees: it may have moved by a pixel more.
    top, left = top + steps[:, 0] - 1, left + steps[:, 1] - 1
    there = _luma(then, top, left, SIDE + 2)
    aligned = motion.Alignment(here, _counts(wide[:, 1:-1, 1:-1]), noise)
    down, across = (part.clip(-REACH, REACH) for part in aligned.step(there[:, 2:-2, 2:-2]))
    moved = motion.tapped(there, motion.linear(down), motion.linear(across))
    more = aligned.step(moved[:, 1:-1, 1:-1])
    down, across = ((a + b).clip(-REACH, REACH) for a, b in zip((down, across), more, strict=True))
    past = motion.squares(then.alpha, top + MARGIN - 1, left + MARGIN - 1, BLOCK + 4)
    old = motion.tapped(past, motion.cubic(down), motion.cubic(across))
    count = motion.squares(counted, top + MARGIN + 1, left + MARGIN + 1, BLOCK) * np.float32(1 / _COUNTED)
    trust = _confidence(here, moved, aligned, noise)
    found = steps + np.stack((down, across), axis=1)
    return new, old.clip(0, 1), trust, count, found, aligned.shown(noise)


def _counts(alpha: Float) -> Float:
    """How much each pixel counts in a block's motion: soft ones most, since hair moves as no face does."""
    return np.asarray((np.float32(4.1) - 4 * alpha) * alpha + motion.SOME)


def _confidence(here: Float, moved: Float, aligned: motion.Alignment, noise: float) -> Float:
    """How far the plate lets its alpha of before be believed: M×16×16, 0..1."""
    change = _means(np.square(here[:, 2:-2, 2:-2] - moved[:, 2:-2, 2:-2]))
    slope = np.square(aligned.down[:, 1:-1, 1:-1])
    slope += np.square(aligned.across[:, 1:-1, 1:-1])
    slope = _means(slope)
    slope *= _UNSURE
    slope += np.float32(noise) + _LEAST_NOISE
    change /= slope
    np.subtract(REFUSED, change, out=change)
    change /= REFUSED - BELIEVED
    return change.clip(0, 1)


def _belief(moved: Float, shown: Float) -> Float:
    """How far blocks' motion is believed, M×1×1: one in which little is seen may fit anywhere.

    It is believed as far as it goes with most of those in which enough is seen: in a shot that stands still
    all are. `moved` is M×2, `shown` what is seen in each, in shares of what noise shows.
    """
    clear = shown > _SHOWN
    most = np.median(moved[clear], axis=0) if clear.any() else np.zeros(2)
    alike = (2 - np.abs(moved - most).max(1)).clip(0, 1)
    belief: Float = np.maximum((shown / _SHOWN - 1).clip(0, 1), alike).astype(np.float32)
    return belief[:, None, None]


def _join(trust: Float, moved: Float, blocks: Index) -> None:
    """Lead confidence down to what a neighbour has at their common side, so that no block is seen, in place.

    Where two neighbours were found to move differently, one of them is wrong, or another thing: there both go
    down to nothing. So they do beside what is not filtered. `trust` is M×16×16, `moved` and `blocks` M×2.
    """
    place = blocks // BLOCK + 1
    numbers = np.full(place.max(0) + 2, -1, np.int64)
    numbers[place[:, 0], place[:, 1]] = np.arange(len(blocks))
    ramp = ((np.arange(_RAMP, dtype=np.float32) + np.float32(0.5)) / _RAMP)[:, None]
    # Above and below, left and right: the common side first.
    lines = [view[:, ::step] for view in (trust, trust.transpose(0, 2, 1)) for step in (1, -1)]
    others = []
    for line, (down, across) in zip(lines, ((-1, 0), (1, 0), (0, -1), (0, 1)), strict=True):
        other = numbers[place[:, 0] + down, place[:, 1] + across]
        apart = np.where(other < 0, 0, np.abs(moved - moved[other]).max(1))
        differ = np.clip(apart / _APART - 1, 0, 1).astype(np.float32)
        line[:, :_RAMP] *= 1 - differ[:, None, None] * (1 - ramp)
        others.append(other)
    nothing = np.zeros((1, BLOCK), np.float32)  # of -1, who is not there
    edges = [np.concatenate((line[:, 0], nothing)) for line in lines]
    for index, (line, other) in enumerate(zip(lines, others, strict=True)):
        np.minimum(line[:, :_RAMP], edges[index ^ 1][other][:, None] + ramp, out=line[:, :_RAMP])


def _is_soft(alpha: Float) -> Bool:
    return np.asarray((alpha > SOFT) & (alpha < 1 - SOFT))


def _luma(planes: Planes, top: Index, left: Index, side: int) -> Float:
    return motion.squares(planes.luma, top, left, side).astype(np.float32)


def _means(x: Float) -> Float:
    """Means over 5×5: M×20×20 → M×16×16."""
    rows = x[:, :-4] + x[:, 1:-3]
    for first in range(2, 5):
        rows += x[:, first : first + BLOCK]
    out = rows[:, :, :-4] + rows[:, :, 1:-3]
    for first in range(2, 5):
        out += rows[:, :, first : first + BLOCK]
    out *= np.float32(1 / 25)
    return np.asarray(out)


def _soft_blocks(
    found: Float, kept: Bool, cells: Bool, height: int, width: int
) -> tuple[Index, Index, Index]:
    """Blocks of refined cells that hold a soft pixel.

    Returns
    -------
    M numbers of tiles, M×2 places of the blocks in them, and M×2 rows and columns of their first pixels.
    """
    inner = np.flatnonzero(cells[kept])
    soft = by_block(_is_soft(found[inner])).any((3, 4))
    tile, row, column = np.nonzero(soft)
    tile = inner[tile]
    where = np.stack((row, column), axis=1)
    blocks = np.argwhere(kept)[tile] * CELL + where * BLOCK
    inside = (blocks[:, 0] < height) & (blocks[:, 1] < width)
    return tile[inside], where[inside], blocks[inside]
