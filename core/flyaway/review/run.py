"""One job's review: measure every frame, take pictures of the worst, write the page and the sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from flyaway.color import FloatImage
from flyaway.errors import FlyawayError, UsageError, WriteError
from flyaway.frames.atomic import write_atomically, write_text
from flyaway.frames.canvas import canvas_of
from flyaway.frames.ours import SOFTWARE, refuse_to_replace
from flyaway.frames.patterns import FrameJob
from flyaway.frames.read import ReadOptions, read_plate
from flyaway.frames.read_matte import read_matte
from flyaway.pictures import files, sheet
from flyaway.pictures.convert import eight_bit, over_green, shrink
from flyaway.pictures.sheet import CELL, Strip
from flyaway.review.check import FrameCheck, Review
from flyaway.review.measure import names_of, review_frames
from flyaway.review.page import Shown, render
from flyaway.review.pictures import as_seen, data_uri, own_colour

_THUMB = 200
_LABEL = 96
_SHEET_ROWS, _SHEET_COLUMNS = 8, 3
_MARGIN = 20


@dataclass(frozen=True)
class ReviewOptions:
    """How a job is looked over.

    Attributes
    ----------
    read : how plates are read.
    channel : the matte's channel where its name is none of the usual.
    shown : how many frames are pictured: half of them the worst, the rest spread evenly.
    side : the pictures' longer side in pixels.
    title : the page's; None takes the mattes' name.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    channel: str | None = None
    shown: int = 48
    side: int = 960
    title: str | None = None


def make_review(
    pairs: Sequence[FrameJob],
    page: Path,
    sheet: Path | None = None,
    options: ReviewOptions | None = None,
    progress: Callable[[int], None] | None = None,
    against: Sequence[FrameJob] | None = None,
    against_channel: str | None = None,
    remarks: Sequence[str] = (),
) -> Review:
    """Measure a job and write its page (one file that needs nothing else) and its contact sheet.

    Parameters
    ----------
    pairs : plates and mattes, from `flyaway.frames.patterns.pair_frames`.
    page : the HTML file; an earlier one is replaced.
    sheet : a PNG of the worst frames, or None; the same.
    options : see `ReviewOptions`.
    progress : called with the number of frames measured.
    against : the same plates with another run's mattes, which stand beside these in the page; they come
        back as the review's `against`.
    against_channel : their channel where its name is none of the usual; the first run's when None.
    remarks : what is not compared, for the page.

    Raises
    ------
    UsageError : page or sheet is a plate or a matte, or there and nothing that a review wrote.
    FlyawayError : there is nothing to look at, it cannot be written, or the two runs have other frames.
    """
    options = options or ReviewOptions()
    if not pairs:
        raise FlyawayError("There is no frame to look over.")
    looked_at = [path for pair in (*pairs, *(against or ())) for path in (pair.source, pair.target)]
    check_places(page, sheet, looked_at)
    others = replace(options, channel=against_channel or options.channel)
    review = review_frames(pairs, options.read, options.channel, progress)
    review = replace(review, remarks=tuple(remarks))
    names = (names_of([pair.target for pair in pairs]), "")
    title = options.title or names[0]
    if against is not None:
        if [(one.source, one.frame) for one in against] != [(one.source, one.frame) for one in pairs]:
            raise FlyawayError("Two runs can be compared over the same plates and frames only.")
        review = replace(review, against=review_frames(against, others.read, others.channel))
        names = _told_apart(pairs[0].target, against[0].target)
        title = options.title or " | ".join(names)
    shown = [_shown(review, index, options, others) for index in choose(review, options.shown)]
    write_text(page, render(review, shown, title, names))
    if sheet is not None:
        _write_sheet(sheet, replace(review, against=None), options)
    return review


def check_places(page: Path, sheet: Path | None, looked_at: Sequence[Path]) -> None:
    """Refuse, before anything is looked at, a page and a contact sheet that would replace what is not theirs.

    Raises
    ------
    UsageError : which, and why; see `flyaway.frames.ours.refuse_to_replace`.
    """
    refuse_to_replace(page, "page", looked_at)
    if sheet is not None:
        if sheet.resolve() == page.resolve():
            raise UsageError(f"{sheet} cannot be the contact sheet: it is the page. Name another file.")
        refuse_to_replace(sheet, "contact sheet", looked_at)
        if sheet.suffix.lower() not in (".png", ".tif", ".tiff"):
            raise UsageError(f"{sheet}: a contact sheet is a .png or a .tif.")


def _told_apart(first: Path, second: Path) -> tuple[str, str]:
    """The names of two runs; whole paths where the short ones are the same."""
    short = names_of([first]), names_of([second])
    return short if short[0] != short[1] else (str(first), str(second))


def choose(review: Review, most: int) -> list[int]:
    """Indices of the frames to picture, in their own order: the worst, and some spread over the rest."""
    count = len(review.frames)
    if count <= most:
        return list(range(count))
    worst = set(review.worst[: max(1, most // 2)])
    rest = [index for index in range(count) if index not in worst]
    places = np.linspace(0, len(rest) - 1, max(0, most - len(worst))).round().astype(int)
    return sorted(worst | {rest[place] for place in places})


def _pictures(check: FrameCheck, options: ReviewOptions) -> tuple[FloatImage | None, FloatImage | None]:
    """The plate as seen and its matte, small, over the plate's canvas; None for what is not there."""
    job = check.job
    try:
        plate = read_plate(job.source, None, job.frame, options=options.read)
        canvas = canvas_of(plate, shot=job.frame is not None)
        shown: FloatImage | None = as_seen(plate, canvas, options.side)
    except FlyawayError:
        return None, None
    try:
        matte = read_matte(job.target, options.channel, job.frame)
        laid = matte.in_format(plate.display_window).over(canvas.window)
        alpha = np.clip(np.nan_to_num(laid), 0, 1)
        return shown, shrink(alpha, options.side)
    except FlyawayError:
        return shown, None


def _shown(review: Review, index: int, options: ReviewOptions, others: ReviewOptions) -> Shown:
    shown = _one_shown(review.frames[index], index, options)
    if review.against is None:
        return shown
    other = _one_shown(review.against.frames[index], index, others)
    return replace(
        shown, thumb=shown.thumb or other.thumb, other_matte=other.matte, other_colour=other.colour
    )


def _one_shown(check: FrameCheck, index: int, options: ReviewOptions) -> Shown:
    shown, alpha = _pictures(check, options)
    if shown is None:
        return Shown(index)
    plate = data_uri(eight_bit(shown))
    if alpha is None:
        return Shown(
            index, shown.shape[1], shown.shape[0], plate, "", data_uri(eight_bit(shrink(shown, _THUMB)))
        )
    thumb = shrink(over_green(own_colour(shown, alpha), alpha), _THUMB)
    return Shown(
        index,
        shown.shape[1],
        shown.shape[0],
        plate,
        data_uri(eight_bit(alpha), "png"),
        data_uri(eight_bit(thumb), quality=82),
        data_uri(eight_bit(own_colour(shown, alpha))),
    )


def thumbnail(check: FrameCheck, options: ReviewOptions) -> str:
    """A frame over green as a small data URI (its plate where there is no matte), or ""."""
    return _one_shown(check, 0, options).thumb


def _write_sheet(path: Path, review: Review, options: ReviewOptions) -> None:
    """Plate, matte and comp of the worst frames, the worst first, in columns from top to bottom."""
    chosen = review.worst[: _SHEET_ROWS * _SHEET_COLUMNS]
    strips = [_strip(review.frames[index], options) for index in chosen]
    columns = [
        sheet.draw(strips[start : start + _SHEET_ROWS]) for start in range(0, len(strips), _SHEET_ROWS)
    ]
    tallest = max(column.shape[0] for column in columns)
    padded = [
        np.pad(
            column,
            ((_MARGIN, _MARGIN + tallest - len(column)), (_MARGIN, 0), (0, 0)),
            constant_values=sheet.PAPER,
        )
        for column in columns
    ]
    edge = np.full((tallest + 2 * _MARGIN, _MARGIN, 3), sheet.PAPER, np.uint8)
    picture = np.ascontiguousarray(np.concatenate([*padded, edge], axis=1))

    def verify(part: Path) -> None:
        if not np.array_equal(eight_bit(files.read(part)), picture):
            raise WriteError("does not read back as it was written; is the disk sound?", path=path)

    software = SOFTWARE.format(kind="contact sheet")
    write_atomically(path, lambda part: files.write(part, picture, software=software), verify)


def _strip(check: FrameCheck, options: ReviewOptions) -> Strip:
    shown, alpha = _pictures(check, options)
    plate = None if shown is None else eight_bit(shrink(shown, CELL))
    nothing = np.zeros((CELL // 2, CELL, 3), np.uint8) if plate is None else np.zeros_like(plate)
    cells = {"plate": nothing if plate is None else plate, "matte": nothing, "over green": nothing}
    if shown is not None and alpha is not None:
        cells["matte"] = eight_bit(shrink(np.repeat(alpha[..., None], 3, axis=2), CELL))
        cells["over green"] = eight_bit(shrink(over_green(own_colour(shown, alpha), alpha), CELL))
    label = f"{check.label}  {'; '.join(check.faults) or _numbers(check)}".replace(" ‰", "/1000")
    return Strip(label if len(label) <= _LABEL else label[: _LABEL - 1] + "...", cells)


def _numbers(check: FrameCheck) -> str:
    text = "" if check.coverage is None else f"coverage {100 * check.coverage:.1f} %"
    return text if check.flicker is None else f"{text}, flicker {1000 * check.flicker:.2f} ‰"
