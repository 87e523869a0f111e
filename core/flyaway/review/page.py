"""The page: one HTML file with its pictures, numbers, style and script inside; it loads nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from flyaway import __version__
from flyaway.review.check import FrameCheck, Review


@dataclass(frozen=True)
class Shown:
    """A frame that is pictured.

    Attributes
    ----------
    index : which of the review's frames.
    width, height : of its pictures.
    plate, matte, thumb : data URIs, "" for what is not there; `thumb` is the person over green.
    colour : the person's own colour, straight, which the comp is mixed from; "" leaves it to the plate.
    other_matte, other_colour : the same of the other run, where two are compared.
    """

    index: int
    width: int = 0
    height: int = 0
    plate: str = ""
    matte: str = ""
    thumb: str = ""
    colour: str = ""
    other_matte: str = ""
    other_colour: str = ""


def render(review: Review, shown: Sequence[Shown], title: str, names: tuple[str, str] = ("", "")) -> str:
    """The page's text; `names` are those of the run and of the one it is compared with."""
    data = {
        "title": title,
        "version": __version__,
        **_run(review, names[0]),
        "other": None if review.against is None else _run(review.against, names[1]),
        "worst": review.worst,
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
                "otherMatte": one.other_matte,
                "otherColour": one.other_colour,
            }
            for one in shown
        ],
    }
    template = (files("flyaway.review") / "page.html").read_text(encoding="utf-8")
    return template.replace("/*DATA*/null", _script_json(data), 1)


def _run(review: Review, name: str) -> dict[str, Any]:
    """What the page says of a run."""
    return {
        "name": name,
        # Mattes of earlier releases name no version.
        "model": " ".join(
            review.provenance[key] for key in ("model", "modelVersion") if key in review.provenance
        ),
        "verdict": review.verdict,
        "sure": review.sure,
        "notes": review.notes,
        "frames": [_frame(frame) for frame in review.frames],
    }


def _frame(frame: FrameCheck) -> dict[str, Any]:
    return {
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
        "patches": _rounded(None if frame.edges is None else frame.edges.patches, 6),
        "faults": frame.faults,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _script_json(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it, file names least, can end the element."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
