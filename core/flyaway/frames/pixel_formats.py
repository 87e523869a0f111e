"""What lies in a decoded frame's planes: numbers, for every pixel format that a decoder may hand out.

Wherever a format's samples lie apart from each other they are taken from the frame's own memory. The scaler
that comes with the decoder leaves parts of lines unwritten in some of its conversions, so it is left what
it does exactly, as the tests hold it to: it fills in chroma, and looks up palettes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

# Formats whose samples of one pixel lie side by side: their order, and the type of a sample.
_SIDE_BY_SIDE = {
    "rgb24": ("RGB", "u1"),
    "bgr24": ("BGR", "u1"),
    "rgba": ("RGBA", "u1"),
    "bgra": ("BGRA", "u1"),
    "argb": ("ARGB", "u1"),
    "abgr": ("ABGR", "u1"),
    "0rgb": ("xRGB", "u1"),
    "rgb0": ("RGBx", "u1"),
    "0bgr": ("xBGR", "u1"),
    "bgr0": ("BGRx", "u1"),
    "rgb48": ("RGB", "u2"),
    "bgr48": ("BGR", "u2"),
    "rgba64": ("RGBA", "u2"),
    "bgra64": ("BGRA", "u2"),
    "rgb96": ("RGB", "u4"),
    "rgba128": ("RGBA", "u4"),
    "rgbf16": ("RGB", "f2"),
    "rgbaf16": ("RGBA", "f2"),
    "rgbf32": ("RGB", "f4"),
    "rgbaf32": ("RGBA", "f4"),
    "ya8": ("YA", "u1"),
    "ya16": ("YA", "u2"),
    "yaf16": ("YA", "f2"),
    "yaf32": ("YA", "f4"),
    "ayuv": ("AYUV", "u1"),
    "ayuv64": ("AYUV", "u2"),
    "vuya": ("VUYA", "u1"),
    "vuyx": ("VUYx", "u1"),
    "uyva": ("UYVA", "u1"),
    "vyu444": ("VYU", "u1"),
    "xv36": ("UYVx", "u2"),
    "xv48": ("UYVx", "u2"),
}
_ORDERS = {"rgb": "RGB", "ycbcr": "YUV", "grey": "Y"}
_HIGH_BITS = {"xv36": 4}  # how far up the samples lie
# Formats that hold a pixel in one word: its bytes, and for each component its lowest bit and its bits.
_FIELDS = {
    "rgb565": (2, ((11, 5), (5, 6), (0, 5))),
    "bgr565": (2, ((0, 5), (5, 6), (11, 5))),
    "rgb555": (2, ((10, 5), (5, 5), (0, 5))),
    "bgr555": (2, ((0, 5), (5, 5), (10, 5))),
    "rgb444": (2, ((8, 4), (4, 4), (0, 4))),
    "bgr444": (2, ((0, 4), (4, 4), (8, 4))),
    "rgb8": (1, ((5, 3), (2, 3), (0, 2))),
    "bgr8": (1, ((0, 3), (3, 3), (6, 2))),
    "rgb4_byte": (1, ((3, 1), (1, 2), (0, 1))),
    "bgr4_byte": (1, ((0, 1), (1, 2), (3, 1))),
    "x2rgb10": (4, ((20, 10), (10, 10), (0, 10))),
    "x2bgr10": (4, ((0, 10), (10, 10), (20, 10))),
    "xv30": (4, ((10, 10), (0, 10), (20, 10))),
    "v30x": (4, ((12, 10), (2, 10), (22, 10))),
}
_SEMI_PLANAR = ("nv", "p0", "p2", "p4", "yuyv", "yvyu", "uyvy", "uyyvyy", "y21")
# Nothing here takes them apart: bit streams, and byte orders that no decoder hands out.
_UNKNOWN = ("rgb4", "bgr4", "v30xbe", "xv30be", "y210be", "y212be", "y216be")
_LOOKED_UP = ("pal8", "monow", "monob")

Model = Literal["rgb", "grey", "ycbcr"]


@dataclass(frozen=True)
class Samples:
    """A frame's numbers.

    Attributes
    ----------
    model : what they are: R'G'B', grey, or Y'CbCr.
    planes : H×W float32 each: red, green, blue; grey; or Y', Cb, Cr. Codes, as the frame holds them.
    bits : of a code, 0 where samples are floats.
    alpha : H×W float32, 0..1, or None.
    """

    model: Model
    planes: tuple[FloatImage, ...]
    bits: int
    alpha: FloatImage | None = None


def is_known(name: str) -> bool:
    """Whether frames of a pixel format (by FFmpeg's name) can be read."""
    if name in _UNKNOWN:
        return False
    base = _base(name)
    planar = base.startswith(("yuv", "gbrp", "gbrap", "gray", *_SEMI_PLANAR))
    return planar or base in _SIDE_BY_SIDE or base in _FIELDS or base in _LOOKED_UP


def is_rgb(name: str) -> bool:
    """Whether a format holds R'G'B', which has neither matrix nor range."""
    base = _base(name)
    fields = base in _FIELDS and base not in ("xv30", "v30x")
    return (
        fields or base in _LOOKED_UP or base.startswith("gbr") or "R" in _SIDE_BY_SIDE.get(base, ("", ""))[0]
    )


def is_grey(name: str) -> bool:
    """Whether a format holds one value of light a pixel."""
    base = _base(name)
    return base.startswith("gray") or base in ("ya8", "ya16", "yaf16", "yaf32")


def samples_of(frame: Any) -> Samples:
    """The numbers of a decoded frame (PyAV's VideoFrame), of a format that `is_known`."""
    base = _base(frame.format.name)
    if base in _SIDE_BY_SIDE:
        return _side_by_side(frame, base)
    if base.startswith(("gbr", "gray", "yuv")):
        return _planar(frame, base)
    if base.startswith(_SEMI_PLANAR):
        return Samples("ycbcr", _full_size(frame), int(frame.format.components[0].bits))
    if base in _FIELDS:
        return _fields(frame, base)
    looked_up = _side_by_side(*_scaled(frame, "rgba"))
    opaque = looked_up.alpha is None or bool((looked_up.alpha == 1).all())
    return Samples(looked_up.model, looked_up.planes, looked_up.bits, None if opaque else looked_up.alpha)


def _planar(frame: Any, base: str) -> Samples:
    """One plane a component, as its decoder left it; chroma that is smaller is filled in."""
    bits = int(frame.format.components[0].bits)
    if "f16" in base or "f32" in base:
        kind, bits = ("f2" if "f16" in base else "f4"), 0
    else:
        kind = "u1" if bits <= 8 else "u2" if bits <= 16 else "u4"
    shift = 16 - bits if base.endswith("msb") else 0
    order = _order(frame.format)
    planes = [_samples(plane, order + kind, shift) for plane in frame.planes]
    alpha = _unit(planes.pop(), bits) if base.startswith(("gbrap", "yuva")) else None
    if base.startswith("gbr"):
        green, blue, red = planes
        return Samples("rgb", (red, green, blue), bits, alpha)
    if base.startswith("gray"):
        return Samples("grey", tuple(planes), bits, alpha)
    if planes[1].shape != planes[0].shape:
        planes[1:] = _full_size(frame)[1:]
    return Samples("ycbcr", tuple(planes), bits, alpha)


def _side_by_side(frame: Any, base: str) -> Samples:
    letters, kind = _SIDE_BY_SIDE[base]
    dtype = np.dtype(_order(frame.format) + kind)
    plane = frame.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    used = np.ascontiguousarray(lines[:, : plane.width * len(letters) * dtype.itemsize]).view(dtype)
    values = used.reshape(plane.height, plane.width, len(letters))
    shift = _HIGH_BITS.get(base, 0)
    bits = 0 if dtype.kind == "f" else 8 * dtype.itemsize - shift
    model: Model = "rgb" if "R" in letters else "ycbcr" if "U" in letters else "grey"

    def channel(letter: str) -> FloatImage:
        found = values[..., letters.index(letter)]
        return np.asarray(found >> shift if shift else found, np.float32)

    alpha = _unit(channel("A"), bits) if "A" in letters else None
    return Samples(model, tuple(channel(letter) for letter in _ORDERS[model]), bits, alpha)


def _fields(frame: Any, base: str) -> Samples:
    size, fields = _FIELDS[base]
    plane = frame.planes[0]
    dtype = np.dtype(f"{_order(frame.format)}u{size}")
    words = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // size)[: plane.height, : plane.width]
    codes = [((words >> low) & ((1 << bits) - 1)).astype(np.float32) for low, bits in fields]
    if not is_rgb(frame.format.name):
        return Samples("ycbcr", tuple(codes), 10)
    tops = [np.float32((1 << bits) - 1) for _, bits in fields]
    return Samples("rgb", tuple(code / top for code, top in zip(codes, tops, strict=True)), 0)


def _full_size(frame: Any) -> tuple[FloatImage, ...]:
    """Y', Cb, Cr, all of the frame's size."""
    larger, _ = _scaled(frame, "yuv444p16")
    step = np.float32(1 << (16 - int(frame.format.components[0].bits)))
    return tuple(_samples(plane, "<u2") / step for plane in larger.planes)


def _scaled(frame: Any, base: str) -> tuple[Any, str]:
    """The frame in another format, and its name: nothing but depth, order and chroma's size changes."""
    # The same matrix and range on both sides.
    same = {"src_colorspace": 1, "dst_colorspace": 1, "src_color_range": 2, "dst_color_range": 2}
    # In one thread: in several the scaler writes over the first samples of some lines; see findings/.
    return frame.reformat(format=base if base == "rgba" else f"{base}le", threads=1, **same), base


def _samples(plane: Any, kind: str, shift: int = 0) -> FloatImage:
    """A plane without the padding at the end of its lines: H×W float32."""
    dtype = np.dtype(kind)
    lines = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    codes = lines[: plane.height, : plane.width]
    return (codes >> shift if shift else codes).astype(np.float32)


def _unit(codes: FloatImage, bits: int) -> FloatImage:
    """Codes of full range as 0..1, which alpha has whatever range its colour has."""
    return codes / np.float32((1 << bits) - 1) if bits else codes


def _order(form: Any) -> str:
    return ">" if form.is_big_endian else "<"


def _base(name: str) -> str:
    """A format's name without its byte order."""
    return name[:-2] if name.endswith(("le", "be")) else name
