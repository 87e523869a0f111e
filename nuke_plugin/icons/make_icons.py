"""Draws the icons, 26 and 52 px: a head's outline with loose hairs, white on the node's teal.

python make_icons.py        # needs numpy and OpenImageIO; Nuke itself never runs this
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

FINE = 8  # samples a pixel, each way
TEAL = np.array([0.25, 0.50, 0.48])
# Loose hairs: (start, control, end) of quadratic curves, in units of the icon, y down.
HAIRS = (
    ((0.40, 0.26), (0.24, 0.14), (0.10, 0.24)),
    ((0.38, 0.32), (0.20, 0.26), (0.11, 0.40)),
    ((0.46, 0.22), (0.40, 0.08), (0.24, 0.08)),
    ((0.56, 0.22), (0.66, 0.06), (0.80, 0.12)),
    ((0.62, 0.28), (0.80, 0.18), (0.90, 0.30)),
    ((0.63, 0.34), (0.82, 0.34), (0.88, 0.48)),
)


def draw(size: int) -> np.ndarray:
    """size×size×4 float32, sRGB, straight."""
    n = size * FINE
    y, x = (np.mgrid[:n, :n] + 0.5) / n
    ground = np.hypot(np.maximum(abs(x - 0.5) - 0.32, 0), np.maximum(abs(y - 0.5) - 0.32, 0)) < 0.18
    head = ((x - 0.5) / 0.15) ** 2 + ((y - 0.38) / 0.18) ** 2 < 1
    neck = (abs(x - 0.5) < 0.06) & (y > 0.5) & (y < 0.68)
    body = ((x - 0.5) / 0.30) ** 2 + ((y - 0.94) / 0.30) ** 2 < 1
    ink = head | neck | (body & (y < 0.92))
    width = max(0.020, 0.65 / size)
    for a, b, c in HAIRS:
        for t in np.linspace(0, 1, 160):
            px, py = (
                (1 - t) ** 2 * p + 2 * t * (1 - t) * q + t * t * r for p, q, r in zip(a, b, c, strict=True)
            )
            ink |= np.hypot(x - px, y - py) < width * (1 - 0.55 * t)
    rgb = np.where((ink & ground)[..., None], 0.96, TEAL * (1.12 - 0.3 * y[..., None]))
    rgba = np.dstack((rgb * ground[..., None], ground))
    small = rgba.reshape(size, FINE, size, FINE, 4).mean((1, 3))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    return small.astype(np.float32)


def main() -> None:
    """Write flyaway_26.png and flyaway_52.png beside this file."""
    for size in (26, 52):
        out = oiio.ImageOutput.create("x.png")
        spec = oiio.ImageSpec(size, size, 4, "uint8")
        spec.attribute("oiio:UnassociatedAlpha", 1)
        out.open(str(Path(__file__).with_name(f"flyaway_{size}.png")), spec)
        out.write_image(draw(size))
        out.close()


if __name__ == "__main__":
    main()
