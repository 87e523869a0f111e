"""Frame rates and SMPTE timecode: what people type, what movies say as text, what EXR headers hold as bits.

References
----------
    SMPTE ST 12-1 (time and control code, drop frame), ST 12-3 (rates above 30 frames a second).
"""

from __future__ import annotations

import re
from fractions import Fraction

SLOWEST, FASTEST = 1, 1000  # frames a second; anything else is no rate
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d{1,3})")
_DROP, _FIELD = 0x40, 0x8000


def rate_of_text(text: str) -> Fraction | None:
    """24, 23.976 or 24000/1001 as a ratio; None if it is no frame rate.

    A decimal with two digits or more that is an NTSC rate, rounded or cut off (23.98, 23.97, 23.976, 29.97,
    59.94, 119.88), stands for that rate: 24000/1001 and its like.
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    if not SLOWEST <= rate <= FASTEST:
        return None
    digits = len(text.strip().partition(".")[2])
    whole = round(rate * 1001 / 1000)
    ntsc = Fraction(whole * 1000, 1001)
    usual = whole % 12 == 0 or whole % 15 == 0
    if rate.denominator > 1 and digits >= 2 and usual and abs(ntsc - rate) < Fraction(1, 10**digits):
        return ntsc
    return rate


def rate_of_number(rate: float) -> Fraction | None:
    """A rate that a header holds as a float, as a ratio: 23.976 is 24000/1001. None if it is none."""
    return rate_of_text(f"{rate:.6g}") if SLOWEST <= rate <= FASTEST else None


def frames_per_number(rate: Fraction) -> int:
    """How many frames share one number in a header's bits: 1 up to 30 frames a second, 2 to 60, and so on.

    The bits have room for 39 frames a second. The two of a pair are told apart by the field bit; a third and
    a fourth are not, so above 60 frames a second the text alone is exact.
    """
    return max(1, -(-round(rate) // 30))


def timecode_later(start: str, later: int, rate: Fraction) -> str:
    """The timecode of the frame `later` frames after `start` ("01:00:00:00", ";" for drop frame), or "".

    "" means that `start` is no timecode at this rate. Drop frame is known at multiples of 30 only.
    """
    parsed = _parsed(start, rate)
    if parsed is None:
        return ""
    (hours, minutes, seconds, frames), drop = parsed
    whole = round(rate)
    count = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
    skipped = whole // 15 if drop else 0  # 2 at 29.97, 4 at 59.94, each minute but the tenth
    if drop:
        total_minutes = hours * 60 + minutes
        count -= skipped * (total_minutes - total_minutes // 10)
    count += later
    if drop:
        ten, rest = divmod(count, 600 * whole - 9 * skipped)
        count += skipped * (9 * ten + max(0, (rest - skipped) // (60 * whole - skipped)))
    rest, frames = divmod(count, whole)
    rest, seconds = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return _text(hours % 24, minutes, seconds, frames, whole, drop=drop)


def words_of(timecode: str, rate: Fraction) -> tuple[int, int] | None:
    """The time and user words that an EXR header holds for a timecode; None if it is none at this rate."""
    parsed = _parsed(timecode, rate)
    if parsed is None:
        return None
    (hours, minutes, seconds, frames), drop = parsed
    each = frames_per_number(rate)
    number, within = divmod(frames, each)
    time = _bcd(hours) << 24 | _bcd(minutes) << 16 | _bcd(seconds) << 8 | _bcd(number)
    return time | (_DROP if drop else 0) | (_FIELD if 2 * within >= each > 1 else 0), 0


def text_of(time: int, rate: Fraction) -> str:
    """The timecode that a header's time word stands for at a rate, or "" if its digits are none.

    Some programs count every frame above 30 a second in the word itself; a number that could be no pair's is
    taken so.
    """
    pairs = [_from_bcd(time >> shift, tens) for shift, tens in ((24, 3), (16, 7), (8, 7), (0, 3))]
    if None in pairs:
        return ""
    hours, minutes, seconds, number = (pair or 0 for pair in pairs)
    whole, each = round(rate), frames_per_number(rate)
    frames = number
    if number < -(-whole // each):
        frames = number * each + ((each + 1) // 2 if time & _FIELD and each > 1 else 0)
    text = _text(hours, minutes, seconds, frames, whole, drop=bool(time & _DROP) and whole % 30 == 0)
    return text if _parsed(text, rate) else ""


def _text(hours: int, minutes: int, seconds: int, frames: int, whole: int, *, drop: bool) -> str:
    """As FFmpeg writes it: above 100 frames a second their number has three digits."""
    digits = 3 if whole > 100 else 2
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:0{digits}d}"


def _parsed(timecode: str, rate: Fraction) -> tuple[tuple[int, int, int, int], bool] | None:
    """Hours, minutes, seconds, frames, and whether it is drop frame; None if it is none at this rate."""
    matched = _TIMECODE.fullmatch(timecode.strip())
    whole = round(rate)
    if matched is None or whole < 1:
        return None
    hours, minutes, seconds, frames = (int(matched[group]) for group in (1, 2, 3, 5))
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= whole:
        return None
    return (hours, minutes, seconds, frames), matched[4] in ";." and whole % 30 == 0


def _bcd(number: int) -> int:
    return number // 10 << 4 | number % 10


def _from_bcd(word: int, tens: int) -> int | None:
    """Two digits of a time word, `tens` being the bits that the first of them may use; None for 10 to 15."""
    return None if word & 15 > 9 else (word >> 4 & tens) * 10 + (word & 15)
