"""Where one take ends and the next begins: a frame that shows nothing of the one before it.

Two small views of the frames are laid over each other at every shift of up to about half of the picture, and
compared without regard to brightness and contrast: a pan, however fast, a light that drifts, and a lamp that
goes on show the same things. A cut is where nothing fits anywhere, and the colours are others too.

Where a plate does not fill its picture, nothing is known of the rest: what two views both know is compared.

A frame that is blown out or black fits nothing either. It is held: it is no cut as long as the frame after it
goes on with the one before it. So a cut to such a picture is noticed a frame late. A dissolve is no cut.

References
----------
.. [1] Padfield, "Masked Object Registration in the Fourier Domain", IEEE Transactions on Image Processing
   21(5), 2012: correlation at every shift, over what overlaps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.geometry import Box
from flyaway.resample import resize

Float = NDArray[np.float32]
Looks = tuple[Float, ...]

LONG_SIDE, SHORT_SIDE = 64, 8  # px of a small view, at most and at least
_SAMPLED = 256  # px along the long side that are looked at at all
OVERLAP = 0.35  # of the picture, that two views must share at least
_DETAIL = 0.25  # of a view's variance that must lie in what they share: a piece of sky fits any sky
ALIKE = 0.6  # correlation from which two frames show the same
UNLIKE = 0.35  # correlation below which they do not, whatever their colours
COLOURS = 0.17  # share of the colours that have to be others, between the two
_BLANK = 0.02  # standard deviation below which there is nothing to be seen
_GLARE, _BLOWN = 0.97, 0.3  # a value that is blown out, and the share of a picture that makes it a flash
_WHOLLY = 0.99  # share of a pixel of a view that must be known
_BINS, _MIDDLE = 5, 0.4  # of the colours' histogram, and the mean that pictures are brought to for it


def look(image: NDArray[Any], held: Box | None = None) -> Float:
    """A small view of a plate.

    Parameters
    ----------
    image : H×W×3, display-referred sRGB: float32 0..1 or integers.
    held : the part that holds picture; None for all.

    Returns
    -------
    h×w×3 float32; h×w×4 where something is not known, with 1 where it is and 0 elsewhere.
    """
    height, width = image.shape[:2]
    step = max(1, max(height, width) // _SAMPLED)
    sampled = np.ascontiguousarray(image[::step, ::step])
    scale = LONG_SIDE / max(sampled.shape[:2])
    tall, wide = (min(LONG_SIDE, max(SHORT_SIDE, round(side * scale))) for side in sampled.shape[:2])
    view = np.array(resize(sampled, tall, wide))  # never a view of the plate, whose memory the next one takes
    if held is None:
        return view
    inside = np.zeros((height, width, 1), np.float32)
    inside[held[0] : held[1], held[2] : held[3]] = 1
    share = resize(np.ascontiguousarray(inside[::step, ::step]), tall, wide)
    known = (share > _WHOLLY).astype(np.float32)
    return np.concatenate((view * known, known), axis=2)


def judge(before: Looks, now: Float) -> tuple[bool, Looks]:
    """Whether a frame begins another take.

    Parameters
    ----------
    before : what the frame before left: nothing in front of the first one; one view; or two, where the
        frame before is held, the older one first. All of the size of `now`.
    now : the frame's own, of `look`.

    Returns
    -------
    Whether it is a cut, and what this frame leaves.
    """
    if not before or (len(before) == 1 and same(before[0], now)):
        return False, (now,)
    if len(before) == 2:
        return not same(before[0], now), (now,)
    if _tells_nothing(now, before[0]):
        return False, (before[0], now)
    return True, (now,)


def same(one: Float, other: Float) -> bool:
    """Whether two views show the same place, moved or lit otherwise perhaps."""
    if not len(_colours_of(one)) or not len(_colours_of(other)):
        return True  # nothing is known that could say otherwise
    if _is_blank(one) or _is_blank(other):
        apart = np.abs(_colours_of(one).mean(0) - _colours_of(other).mean(0)).max()
        return bool(_is_blank(one) and _is_blank(other) and apart < 0.1)
    if _as_they_lie(one, other) >= ALIKE:  # as a rule: no other shift can say less
        return True
    fits = correlation(one, other)
    return fits >= ALIKE or (fits >= UNLIKE and other_colours(one, other) < COLOURS)


def _as_they_lie(one: Float, other: Float) -> float:
    """The correlation of two views without a shift, −1..1; −1 where too little is known of both."""
    known = [_known(view) for view in (one, other)]
    both = known[0] * known[1] > 0
    if both.sum() < OVERLAP * min(float(part.sum()) for part in known):
        return -1.0
    seen = (view[..., :3][both].astype(np.float64) for view in (one, other))
    a, b = (colours - colours.mean(0) for colours in seen)
    return float((a * b).sum() / np.sqrt(max(float((a * a).sum() * (b * b).sum()), 1e-12)))


def correlation(one: Float, other: Float) -> float:
    """The best correlation of two views, −1..1, over every shift that leaves enough of both [1]_."""
    height, width = one.shape[:2]
    known = [_known(view) for view in (one, other)]
    area = min(float(part.sum()) for part in known)
    a, b = (
        np.moveaxis((view[..., :3].astype(np.float64) - _colours_of(view).mean(0, np.float64)), -1, 0) * part
        for view, part in zip((one, other), known, strict=True)
    )
    in_a, in_b = (_spectrum(part) for part in known)
    of_a, of_b = _spectrum(a), _spectrum(b)
    count = np.maximum(_products(in_a, in_b, height, width).round(), 1)
    sum_a, sum_b = _products(of_a, in_b, height, width), _products(in_a, of_b, height, width)
    # What is summed over the channels is summed before it is transformed back.
    shared = _products(of_a, of_b, height, width, summed=True) - (sum_a * sum_b).sum(0) / count
    mine = _products(_spectrum((a * a).sum(0)), in_b, height, width) - (sum_a**2).sum(0) / count
    theirs = _products(in_a, _spectrum((b * b).sum(0)), height, width) - (sum_b**2).sum(0) / count
    enough = count >= OVERLAP * area
    for found, view in ((mine, one), (theirs, other)):
        enough &= found / count > _DETAIL * float(_colours_of(view).var(0).sum())
    fits = shared / np.sqrt(np.maximum(mine * theirs, 1e-12))
    return float(fits[enough].max(initial=-1.0))


def other_colours(one: Float, other: Float) -> float:
    """The share of colours, 0..1, that two views do not have in common, brightness aside."""
    both = _known(one) * _known(other) > 0
    if not both.any():
        return 1.0
    return 0.5 * float(np.abs(_colours(one[both]) - _colours(other[both])).sum())


def _spectrum(planes: NDArray[Any]) -> NDArray[Any]:
    """Transforms of planes (…×h×w), with room for every shift."""
    return np.fft.rfft2(planes, [2 * side for side in planes.shape[-2:]])


def _products(
    a: NDArray[Any], b: NDArray[Any], height: int, width: int, *, summed: bool = False
) -> NDArray[Any]:
    """Sums of products of two planes (h×w, by their spectra), for each shift of one against the other."""
    product = a * np.conj(b)
    return np.fft.irfft2(product.sum(0) if summed else product, (2 * height, 2 * width))


def _colours(seen: Float) -> NDArray[np.float64]:
    """A histogram of N colours, each shared out among the eight nearest bins."""
    colours = seen[:, :3]
    scaled = colours * (_MIDDLE / max(float(colours.mean()), 1e-3))
    place = np.clip(scaled * _BINS, 0, _BINS - 1e-3) + 0.5
    low = place.astype(np.int64)
    part = place - low
    side = _BINS + 2
    found = np.zeros(side**3)
    for corner in np.ndindex(2, 2, 2):
        weight = np.where(corner, part, 1 - part).prod(-1)
        found += np.bincount((low + corner) @ (side**2, side, 1), weight, side**3)
    return found / len(scaled)


def _known(view: Float) -> NDArray[np.float64]:
    """What is known of a view: h×w, 1 or 0."""
    whole = view.shape[2] == 3
    return np.ones(view.shape[:2]) if whole else view[..., 3].astype(np.float64)


def _colours_of(view: Float) -> Float:
    """The colours that are known of a view: N×3."""
    return view.reshape(-1, 3) if view.shape[2] == 3 else view[..., :3][view[..., 3] > 0]


def _is_blank(view: Float) -> bool:
    """Whether nothing is to be seen, of whatever colour: a bare green screen, a slate's blue."""
    colours = _colours_of(view)
    return not len(colours) or float(colours.std(0).max()) < _BLANK


def _tells_nothing(now: Float, before: Float) -> bool:
    """Whether a frame is black, blank or blown out, and the one before it was not."""
    if _is_blank(now):
        return not _is_blank(before)
    blown = [float((_colours_of(view).max(-1) >= _GLARE).mean()) for view in (now, before)]
    return blown[0] >= _BLOWN and blown[0] > blown[1] + _BLOWN / 2
