"""Which header fields can be trusted; the others are left out before anything uses them, and reported.

Headers are carried into mattes and decide how plates are looked at. A reader hands out whatever stands where
a field belongs, so two things are checked here, once, for every format: that the field lies within the
header (FFmpeg's DPX files begin their pixels where others have film and television fields), and that its
value can be one. A bad field never fails a frame.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import OpenImageIO as oiio

from flyaway.frames.timecode import FASTEST, SLOWEST, rate_of_number
from flyaway.geometry import believed_aspect

_U32 = 0xFFFFFFFF  # what DPX calls undefined

# Where a field ends in the file, in bytes (SMPTE ST 268; Kodak's Cineon 4.5), by OpenImageIO's names.
_Ends = dict[int, tuple[str, ...]]
_DPX_ENDS: _Ends = {
    1532: ("dpx:SourceImageFileName",),
    1556: ("dpx:SourceDateTime",),
    1588: ("dpx:InputDevice",),
    1620: ("dpx:InputDeviceSerialNumber",),
    1636: ("PixelAspectRatio",),
    1644: ("dpx:XScannedSize", "dpx:YScannedSize"),
    1680: ("smpte:KeyCode", "dpx:FilmEdgeCode"),
    1712: ("dpx:Format",),
    1724: ("dpx:FramePosition", "dpx:SequenceLength", "dpx:HeldCount"),
    1728: ("dpx:FrameRate",),
    1732: ("dpx:ShutterAngle",),
    1764: ("dpx:FrameId",),
    1864: ("dpx:SlateInfo",),
    1928: ("smpte:TimeCode", "dpx:TimeCode", "dpx:UserBits"),
    1932: ("dpx:Interlace", "dpx:FieldNumber", "dpx:Signal"),
    1940: ("dpx:HorizontalSampleRate", "dpx:VerticalSampleRate"),
    1944: ("dpx:TemporalFrameRate",),
    1972: (
        "dpx:TimeOffset",
        "dpx:BlackLevel",
        "dpx:BlackGain",
        "dpx:BreakPoint",
        "dpx:WhiteLevel",
        "dpx:IntegrationTimes",
    ),
    2049: ("dpx:UserData",),
}
_CINEON_ENDS: _Ends = {
    1036: ("cineon:FilmEdgeCode",),
    1068: ("cineon:Format",),
    1072: ("cineon:FramePosition",),
    1076: ("cineon:FrameRate",),
    1108: ("cineon:FrameId",),
    1308: ("cineon:SlateInfo",),
    2049: ("cineon:UserData",),
}
# Of those, what anybody would miss.
_TELLING = {"PixelAspectRatio", "smpte:KeyCode", "smpte:TimeCode", "dpx:FrameRate", "cineon:FrameRate"}
_RATES = ("framesPerSecond", "dpx:FrameRate", "dpx:TemporalFrameRate", "cineon:FrameRate")


def trusted(
    spec: oiio.ImageSpec, format_name: str = "", path: Path | None = None
) -> tuple[oiio.ImageSpec, list[str]]:
    """A header without what cannot be true, and notes on what was left out.

    Frame rate, timecode, keycode and pixel aspect of the result are values that any of our formats can
    hold; a rate that only DPX or Cineon fields give is set as `framesPerSecond` (a ratio) as well.

    Parameters
    ----------
    spec : as a library read it; not changed.
    format_name : OpenImageIO's; "dpx" and "cineon" files are asked where their pixels begin.
    path : the file.

    References
    ----------
        SMPTE ST 268:2014 (DPX header), ST 12-1 (time code), ST 254 (key code); OpenEXR's Standard Attributes.
    """
    kept, notes = oiio.ImageSpec(spec), list[str]()
    ends = {"dpx": _DPX_ENDS, "cineon": _CINEON_ENDS}.get(format_name)
    if ends is not None and path is not None:
        _leave_out_pixels(kept, ends, path, notes)
    _check_aspect(kept, notes)
    _check_rate(kept, notes)
    _check_timecode(kept, notes)
    _check_keycode(kept, notes)
    return kept, notes


def _leave_out_pixels(spec: oiio.ImageSpec, ends: _Ends, path: Path, notes: list[str]) -> None:
    """Erase the fields that lie where the file's pixels do."""
    first = _first_pixel(path)
    beyond = [name for end, names in ends.items() if first < end for name in names]
    missed = [name for name in beyond if name in _TELLING and spec.get(name, None) is not None]
    for name in beyond:
        spec.erase_attribute(name)
    if missed:
        notes.append(
            "its pixels begin where other files have film and television fields: no timecode, keycode or"
            " frame rate was taken from there"
        )


def _first_pixel(path: Path) -> int:
    """The byte at which a DPX or Cineon file says that its pixels begin."""
    with path.open("rb") as file:
        start = file.read(812)
    order = "<" if start[:4] in (b"XPDS", b"\xd7\x5f\x2a\x80") else ">"
    dpx = start[:4] in (b"XPDS", b"SDPX")
    places = [4, 808] if dpx else [4]  # of the file, and of its first image element
    offsets = [
        struct.unpack_from(f"{order}I", start, place)[0] for place in places if len(start) >= place + 4
    ]
    return min((offset for offset in offsets if offset not in (0, _U32)), default=2048)


def _check_aspect(spec: oiio.ImageSpec, notes: list[str]) -> None:
    value = spec.get("PixelAspectRatio", None)
    if value is None:
        return
    aspect = _number(value)
    if aspect is None or believed_aspect(aspect) != aspect:
        spec.erase_attribute("PixelAspectRatio")
        notes.append("its pixel aspect ratio cannot be one: square pixels were taken")


def _check_rate(spec: oiio.ImageSpec, notes: list[str]) -> None:
    """Leave one rate, the first that can be one, as a ratio named `framesPerSecond`."""
    found = [name for name in _RATES if spec.get(name, None) is not None]
    rates = {name: _ratio_of(spec.get(name)) for name in found}
    for name in found:
        spec.erase_attribute(name)
    # DPX's way not to say, NaN or infinite, is passed over; and so is 0, which is what files say untouched.
    unsaid = {name for name, rate in rates.items() if rate is None}
    good = [rate for rate in rates.values() if rate is not None and SLOWEST <= rate <= FASTEST]
    if good:
        # A reader may say a ratio of large numbers, which EXR's 32 bits cannot hold.
        exact = good[0] if good[0].denominator <= 1001 else good[0].limit_denominator(1001)
        spec.attribute("framesPerSecond", "rational", (exact.numerator, exact.denominator))
    elif len(unsaid) < len(rates):
        notes.append(f"its frame rate cannot be one ({SLOWEST} to {FASTEST}): it was left out")


def _ratio_of(value: Any) -> Fraction | None:
    """A rate in whatever way it is said, or None where it is not said."""
    if isinstance(value, tuple):
        if len(value) != 2 or not all(isinstance(part, int) for part in value) or not value[1]:
            return Fraction(0)  # said, but no rate
        return Fraction(*value)
    number = _number(value)
    if number is None or not math.isfinite(number) or number == 0:
        return None
    return rate_of_number(number) or Fraction(0)


def _check_timecode(spec: oiio.ImageSpec, notes: list[str]) -> None:
    value = spec.get("smpte:TimeCode", None)
    if value is None:
        return
    if isinstance(value, tuple) and value and value[0] == _U32:  # undefined
        spec.erase_attribute("smpte:TimeCode")
    elif not is_timecode(value):
        spec.erase_attribute("smpte:TimeCode")
        notes.append("its timecode has digits that no clock has: it was left out")


def is_timecode(words: Any) -> bool:
    """Whether SMPTE 12M's time word holds decimal digits of a time of day."""
    if not isinstance(words, tuple) or len(words) != 2 or not all(isinstance(word, int) for word in words):
        return False
    time = words[0]
    tens = {0: 3, 8: 7, 16: 7, 24: 3}  # the bits of each ten; the others are flags
    frames, seconds, minutes, hours = (
        (time >> shift + 4 & mask, time >> shift & 15) for shift, mask in tens.items()
    )
    units = all(unit <= 9 for _, unit in (frames, seconds, minutes, hours))
    return units and seconds[0] <= 5 and minutes[0] <= 5 and hours[0] * 10 + hours[1] <= 23


def _check_keycode(spec: oiio.ImageSpec, notes: list[str]) -> None:
    """Manufacturer, film type, prefix, count, offset, perforations a frame and a count."""
    value = spec.get("smpte:KeyCode", None)
    if value is None:
        return
    most = (99, 99, 999_999, 9999, 119, 15, 120)
    least = (0, 0, 0, 0, 0, 1, 20)
    good = (
        isinstance(value, tuple)
        and len(value) == len(most)
        and all(low <= part <= high for low, part, high in zip(least, value, most, strict=True))
    )
    if good and any(value[:4]):
        return
    spec.erase_attribute("smpte:KeyCode")
    if not good:
        notes.append("its keycode has numbers that no film has: it was left out")


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
