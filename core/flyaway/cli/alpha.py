"""`--alpha-in`: what an alpha that comes with a plate is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class AlphaKind(StrEnum):
    """As `flyaway.coverage.AlphaIn`."""

    AUTO = "auto"
    PREMULTIPLIED = "premultiplied"
    STRAIGHT = "straight"
    IGNORE = "ignore"


AlphaOption = Annotated[
    AlphaKind,
    typer.Option(
        "--alpha-in",
        help="An alpha that comes with the plates: premultiplied (colour is divided by it), straight, or"
        " ignore. auto: as their format says, unless the pixels contradict it.",
    ),
]
