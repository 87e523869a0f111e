"""Options about what is done to a matte: masks, matte controls, which person."""

from __future__ import annotations

from typing import Annotated

import typer

from flyaway.batch.finish import Finish
from flyaway.controls import Controls
from flyaway.errors import ControlError
from flyaway.subject import Subject

_PANEL = "Matte controls, in the order in which they work"

SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        metavar="WHO",
        help="all, largest, centre, X,Y or LEFT,TOP,RIGHT,BOTTOM (px from the upper left corner), each"
        " but all with @FRAME, else chosen in the first frame; followed over the shot.",
        rich_help_panel=_PANEL,
    ),
]
BlackOption = Annotated[
    float, typer.Option("--black", help="Coverage up to here becomes none.", rich_help_panel=_PANEL)
]
WhiteOption = Annotated[
    float, typer.Option("--white", help="Coverage from here on becomes full.", rich_help_panel=_PANEL)
]
GammaOption = Annotated[
    float, typer.Option("--gamma", help="Above 1 raises what is between.", rich_help_panel=_PANEL)
]
GrowOption = Annotated[
    float | None, typer.Option("--grow", help="px, fractions too: edges outwards.", rich_help_panel=_PANEL)
]
ChokeOption = Annotated[
    float | None, typer.Option("--choke", help="px, fractions too: edges inwards.", rich_help_panel=_PANEL)
]
SoftenOption = Annotated[
    float,
    typer.Option(
        "--soften", help="px, a Gaussian's standard deviation: edges alone.", rich_help_panel=_PANEL
    ),
]
FillOption = Annotated[
    float, typer.Option("--fill-holes", help="px: holes narrower than this.", rich_help_panel=_PANEL)
]
GarbageOption = Annotated[
    str,
    typer.Option(
        "--garbage",
        metavar="MASK",
        help="A file, a pattern, or a folder of masks: white is thrown away, and not searched for people.",
        rich_help_panel=_PANEL,
    ),
]
CoreOption = Annotated[
    str,
    typer.Option(
        "--core", "--holdout", metavar="MASK", help="Likewise: white is kept.", rich_help_panel=_PANEL
    ),
]
InvertOption = Annotated[
    bool, typer.Option("--invert", help="Keep the rest instead.", rich_help_panel=_PANEL)
]
RawOption = Annotated[
    str,
    typer.Option(
        "--raw",
        metavar="EXR",
        help="Keep the network's own mattes there: run again with other controls, it is not run again.",
        rich_help_panel=_PANEL,
    ),
]


def finish_of(
    *,
    black: float,
    white: float,
    gamma: float,
    grow: float | None,
    choke: float | None,
    soften: float,
    fill_holes: float,
    invert: bool,
    garbage: str,
    core: str,
    subject: str,
    raw: str,
) -> Finish:
    """What the options say.

    Raises
    ------
    ControlError : they mean nothing.
    """
    if grow is not None and choke is not None:
        raise ControlError("--choke is --grow the other way; leave one.")
    edge = grow if grow is not None else -choke if choke is not None else 0.0
    controls = Controls(black, white, gamma, edge, soften, fill_holes, invert)
    return Finish(controls, garbage, core, Subject.parse(subject), raw)
