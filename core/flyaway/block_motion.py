"""Where blocks of a frame were in the frame before, to a fraction of a pixel. Numpy alone, some milliseconds.

Blocks that fit as they lie are only aligned; for others whole steps of 4 px are found on a small plate, by
phase correlation [1]_. The fraction comes from least squares [2]_. What each pixel counts is the caller's
choice: a block at an outline holds two things that move, and its matte moves with one of them.

References
----------
.. [1] Kuglin and Hines, "The Phase Correlation Image Alignment Method", IEEE Conference on Cybernetics and
   Society, 1975.
.. [2] Lucas and Kanade, "An Iterative Image Registration Technique with an Application to Stereo Vision",
   IJCAI 1981.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)
Float = NDArray[np.float32]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]

BLOCK, MARGIN = 16, 4  # px; what moves as one piece, and what it sees besides
SIDE = BLOCK + 2 * MARGIN
SMALL = 4  # px of the plate to one of the small plate
REACH = 1.0  # px that least squares may add to a whole step
# Pixels that planes have besides on every side, the small plate too. A square begins at most 40 px above its
# block (what is around it, eight small pixels and their fraction, one more), and ends at most 56 below the
# block's first line.
AROUND = 64
_SMALL_SIDE, _SMALL_AROUND = 8, 2  # of a block on the small plate, with what it sees around
_CELL, _VIEW = 32, 16  # px of what is correlated together, and small pixels that are looked at for it
_PEAKS = 3  # of the correlation that are tried: person, background, and one more
_MISFIT = 1.5  # levels by which a small plate may change, beside its noise, before a motion is looked for
SOME = np.float32(0.02)  # what a pixel counts where nobody is
_WHITENED = 0.7  # power of the spectrum that is divided away; 1 is pure phase, which grain rules
_HANN = np.outer(np.hanning(_VIEW + 2)[1:-1], np.hanning(_VIEW + 2)[1:-1]).astype(np.float32)


def squares(plane: NDArray[Scalar], top: Index, left: Index, side: int) -> NDArray[Scalar]:
    """Squares of a plane: M×side×side, each copied row by row.

    Parameters
    ----------
    plane : with `AROUND` more on every side (`flyaway.cells.plane_of`), which is as far as squares may reach.
    top, left : M rows and columns of the squares' first pixels, counted without these.
    """
    down, across = (length - side + 1 for length in plane.shape)
    shape, strides = (down, across, side, side), plane.strides * 2
    return as_strided(plane, shape, strides, writeable=False)[top + AROUND, left + AROUND]


def gradients(x: Float) -> tuple[Float, Float]:
    """Central differences down and across: M×s×s → M×(s−2)×(s−2) each."""
    half = np.float32(0.5)
    return (x[:, 2:, 1:-1] - x[:, :-2, 1:-1]) * half, (x[:, 1:-1, 2:] - x[:, 1:-1, :-2]) * half


def tapped(x: Float, down: Float, across: Float) -> Float:
    """Filter M×s×s by M×T weights down and across: M×(s−T+1)×(s−T+1)."""
    taps = down.shape[1]
    size = x.shape[1] - taps + 1
    rows = down[:, :1, None] * x[:, :size]
    for tap in range(1, taps):
        rows += down[:, tap : tap + 1, None] * x[:, tap : tap + size]
    out = across[:, :1, None] * rows[:, :, :size]
    for tap in range(1, taps):
        out += across[:, tap : tap + 1, None] * rows[:, :, tap : tap + size]
    return out


def linear(places: Float) -> Float:
    """Weights of 3 taps at −1, 0, 1 that read bilinearly at places within ±1: M → M×3."""
    away = np.abs(places[:, None] - np.arange(-1, 2, dtype=np.float32))
    return np.maximum(np.float32(1) - away, 0)


def cubic(places: Float) -> Float:
    """Weights of 5 taps at −2…2 by Catmull and Rom, for places within ±1: M → M×5."""
    x = np.abs(places[:, None] - np.arange(-2, 3, dtype=np.float32))
    near = (np.float32(1.5) * x - np.float32(2.5)) * x * x + 1
    far = ((np.float32(-0.5) * x + np.float32(2.5)) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, np.float32(0)))


class Alignment:
    """Least squares of blocks of one frame against blocks of another.

    Parameters
    ----------
    here : M×s×s, the blocks.
    weight : M×(s−2)×(s−2), what each pixel counts.
    noise : variance of the noise in a difference of both frames.
    """

    def __init__(self, here: Float, weight: Float, noise: float) -> None:
        self.down, self.across = gradients(here)
        self._here = here[:, 1:-1, 1:-1]
        self._wd, self._wa = weight * self.down, weight * self.across
        self._weight = weight.sum((1, 2))
        held = self._weight * np.float32(0.05 * noise) + np.float32(1e-3)
        self._dd = _dot(self._wd, self.down) + held
        self._aa = _dot(self._wa, self.across) + held
        self._da = _dot(self._wd, self.across)
        self._det = self._dd * self._aa - self._da * self._da

    def shown(self, noise: float) -> Float:
        """How much is seen in each block, by its slopes, in shares of what noise alone would show: M."""
        return np.asarray((self._dd + self._aa) / self._weight / np.float32(noise / 2 + 0.5))

    def step(self, there: Float) -> tuple[Float, Float]:
        """By how many pixels `there`, M×(s−2)×(s−2), must move to lie as `here` does: down and across."""
        miss = self._here - there
        d, a = _dot(self._wd, miss), _dot(self._wa, miss)
        return (self._aa * d - self._da * a) / self._det, (self._dd * a - self._da * d) / self._det


def _dot(a: Float, b: Float) -> Float:
    return np.asarray(np.einsum("mij,mij->m", a, b))


def shrunk(tiles: Float) -> Float:
    """Means of 4×4: K×s×s → K×s/4×s/4."""
    rows = tiles[:, ::SMALL] + tiles[:, 1::SMALL]
    for line in range(2, SMALL):
        rows += tiles[:, line::SMALL]
    columns = rows[:, :, ::SMALL] + rows[:, :, 1::SMALL]
    for line in range(2, SMALL):
        columns += rows[:, :, line::SMALL]
    columns *= np.float32(1 / SMALL**2)
    return np.asarray(columns)


def whole_steps(now: Float, then: Float, blocks: Index, alpha: Float, noise: float) -> Index:
    """Where blocks were, in steps of whole pixels; 0, 0 where they fit as they lie.

    Parameters
    ----------
    now, then : the small plates of this frame and of the one before, with `AROUND` px on every side.
    blocks : M×2 rows and columns of the blocks' first pixels on the plate itself.
    alpha : M×24×24, of the blocks and what is around them: how much each pixel counts.
    noise : variance of the noise in a difference of both plates, at their full size.

    Returns
    -------
    M×2 rows and columns.
    """
    moved = np.zeros(blocks.shape, np.int64)
    corner = blocks // SMALL - _SMALL_AROUND
    mine = _small(now, corner)
    weight = np.pad(shrunk(alpha), ((0, 0), (1, 1), (1, 1)), mode="edge") + SOME
    weight /= weight.sum((1, 2), keepdims=True)
    misfit = _dot(weight, np.abs(mine - _small(then, corner)))
    bad = np.flatnonzero(misfit > _MISFIT + 0.4 * np.sqrt(noise))
    if not len(bad):
        return moved
    mine, weight, corner, best = mine[bad], weight[bad], corner[bad], misfit[bad]
    found = np.zeros((len(bad), 2), np.int64)
    for step in _candidates(now, then, blocks[bad]):
        fit = _dot(weight, np.abs(mine - _small(then, corner + step)))
        better = fit < best
        best[better], found[better] = fit[better], step[better]
    # To a fraction of a small pixel, which is whole pixels of the plate.
    aligned = Alignment(mine, weight[:, 1:-1, 1:-1], noise / SMALL**2)
    down, across = aligned.step(_small(then, corner + found)[:, 1:-1, 1:-1])
    part = np.stack((down, across), axis=1).clip(-0.7, 0.7)
    moved[bad] = np.rint(SMALL * (found + part)).astype(np.int64)
    return moved


def _small(plane: Float, corner: Index) -> Float:
    return squares(plane, corner[:, 0], corner[:, 1], _SMALL_SIDE)


def _candidates(now: Float, then: Float, blocks: Index) -> list[Index]:
    """The steps (M×2, small pixels) at which the blocks' surroundings correlate most."""
    cells, which = np.unique(blocks // _CELL, axis=0, return_inverse=True)
    corner = cells * (_CELL // SMALL) - (_VIEW - _CELL // SMALL) // 2
    spectra = []
    for plane in (now, then):
        view = squares(plane, corner[:, 0], corner[:, 1], _VIEW)
        spectra.append(np.fft.rfft2((view - view.mean((1, 2), keepdims=True)) * _HANN))
    cross = spectra[1] * np.conj(spectra[0])
    cross /= np.abs(cross) ** _WHITENED + 1e-3
    surface = np.fft.irfft2(cross, (_VIEW, _VIEW)).reshape(len(cells), -1)
    peaks = np.argpartition(-surface, _PEAKS, axis=1)[:, :_PEAKS]
    steps = np.stack(np.divmod(peaks, _VIEW), axis=-1)
    steps -= _VIEW * (steps >= _VIEW // 2)
    return list(steps[which.reshape(-1)].transpose(1, 0, 2))
