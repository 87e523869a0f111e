"""What an alpha that comes with a file is: multiplied into its colour, beside it, or none at all."""

from __future__ import annotations

import OpenImageIO as oiio

from flyaway.color import FloatImage
from flyaway.coverage import AlphaIn, unpremultiply, why_not_coverage

# Their alpha is straight, though OpenImageIO does not say so in the header.
_STRAIGHT_FORMATS = {"bmp"}


def usual_state(format_name: str, spec: oiio.ImageSpec) -> AlphaIn:
    """Whether a file's alpha is "straight" or "premultiplied", as its format and its header say."""
    straight = format_name in _STRAIGHT_FORMATS or bool(spec.get("oiio:UnassociatedAlpha", 0))
    return "straight" if straight else "premultiplied"


def straighten(
    colour: FloatImage, alpha: FloatImage | None, wanted: AlphaIn, usual: AlphaIn, notes: list[str]
) -> tuple[FloatImage, FloatImage | None, bool]:
    """The one place where it is decided what a file's alpha is.

    Parameters
    ----------
    colour : H×W×3 float32, as the file holds it.
    alpha : H×W float32, or None.
    wanted : what the user says.
    usual : what the format and the header say: "premultiplied" or "straight".
    notes : gets what a user should know about it.

    Returns
    -------
    Straight colour; the alpha, or None; whether colour was divided by it.
    """
    if alpha is None or wanted == "ignore":
        return colour, None, False
    if wanted == "auto" and usual == "premultiplied":
        why = why_not_coverage(colour, alpha)
        if why:
            notes.append(
                f"its alpha cannot be the coverage of this colour ({why}): the colour was taken as it is;"
                " --alpha-in premultiplied divides by it all the same"
            )
            return colour, alpha, False
    state = usual if wanted == "auto" else wanted
    if state == "premultiplied":
        return unpremultiply(colour, alpha), alpha, True
    return colour, alpha, False
