"""The page: one HTML file with its pictures, numbers, style and script inside; it loads nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from flyaway import __version__
from flyaway.review.check import Review


@dataclass(frozen=True)
class Shown:
    """A frame that is pictured.

    Attributes:
        index: which of the review's frames.
        width, height: of its pictures.
        plate, matte, thumb: data URIs, "" for what is not there; `thumb` is the person over green.
        colour: the person's own colour, straight, which the comp is mixed from; "" leaves it to the plate.
    """

    index: int
    width: int = 0
    height: int = 0
    plate: str = ""
    matte: str = ""
    thumb: str = ""
    colour: str = ""


def render(review: Review, shown: Sequence[Shown], title: str) -> str:
    """The page's text."""
    data = {
        "title": title,
        "version": __version__,
        # Mattes of earlier releases name no version.
        "model": " ".join(
            review.provenance[key] for key in ("model", "modelVersion") if key in review.provenance
        ),
        "frames": [
            {
                "label": frame.label,
                "plate": frame.job.source.name,
                "matte": frame.job.target.name,
                "coverage": _rounded(frame.coverage, 5),
                "soft": _rounded(frame.soft, 5),
                "unknown": _rounded(frame.unknown, 5),
                "jump": _rounded(frame.jump, 5),
                "flicker": _rounded(frame.flicker, 6),
                "boil": _rounded(None if frame.edges is None else frame.edges.flicker, 6),
                "pops": _rounded(None if frame.edges is None else frame.edges.pops, 6),
                "faults": frame.faults,
            }
            for frame in review.frames
        ],
        "worst": review.worst,
        "verdict": review.verdict,
        "sure": review.sure,
        "notes": review.notes,
        "motion": "along the plate's motion" if review.by_flow else "where the plate stands still",
        "shown": [
            {
                "index": one.index,
                "width": one.width,
                "height": one.height,
                "plate": one.plate,
                "matte": one.matte,
                "colour": one.colour,
                "thumb": one.thumb,
            }
            for one in shown
        ],
    }
    template = (files("flyaway.review") / "page.html").read_text(encoding="utf-8")
    return template.replace("/*DATA*/null", _script_json(data), 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _script_json(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it, file names least, can end the element."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
