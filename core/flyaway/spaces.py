"""Colour spaces that need no OCIO: scene-linear ones by their primaries, film log, the two HDR signals."""

from __future__ import annotations

import numpy as np

from flyaway.colorimetry import (
    P3_D65,
    REC709,
    REC2020,
    Curve,
    Primaries,
    cineon_to_linear,
    hlg_to_linear,
    linear,
    pq_to_linear,
    to_rec709,
)

# Ours where no configuration that somebody chose names them: film log, and the two HDR signals, whose white
# OCIO's own display spaces put at twice and five times what a photograph's is.
OWN_SPACES: dict[str, tuple[Curve, Primaries]] = {
    "cineon": (cineon_to_linear, REC709),
    "pq": (pq_to_linear, REC2020),
    "hlg": (hlg_to_linear, REC2020),
}
_OWN_ALIASES = {
    "kodak log": "cineon",
    "film log": "cineon",
    "rec.2100-pq - display": "pq",
    "rec2100_pq_display": "pq",
    "pq_rec2020_display": "pq",
    "rec.2100-hlg - display": "hlg",
    "rec2100_hlg_display": "hlg",
    "hlg_rec2020_display": "hlg",
}
# What OpenEXR's chromaticities attribute may hold → the scene-linear space: OCIO's interop id or its name.
# Sources: the makers' white papers, as collected in OCIO's studio configuration.
PRIMARIES: dict[str, Primaries] = {
    "linear": REC709,
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "lin_rec2020_scene": REC2020,
    "lin_p3d65_scene": P3_D65,
    "lin_adobergb_scene": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.3290),
    "Linear ARRI Wide Gamut 3": (0.684, 0.313, 0.221, 0.848, 0.0861, -0.102, 0.3127, 0.3290),
    "Linear ARRI Wide Gamut 4": (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.3290),
    "Linear REDWideGamutRGB": (0.780308, 0.304253, 0.121595, 1.493994, 0.095612, -0.084589, 0.3127, 0.3290),
    "Linear S-Gamut3": (0.730, 0.280, 0.140, 0.855, 0.100, -0.050, 0.3127, 0.3290),
    "Linear S-Gamut3.Cine": (0.766, 0.275, 0.225, 0.800, 0.089, -0.087, 0.3127, 0.3290),
    "Linear V-Gamut": (0.730, 0.280, 0.165, 0.840, 0.100, -0.030, 0.3127, 0.3290),
}
_PRIMARIES_TOLERANCE = 2e-3
# Any other primaries are a space too, by this prefix and their eight numbers.
BY_PRIMARIES = "linear, primaries "
# The scene-linear spaces whose primaries we know, by the names that configurations give them.
_LINEAR_ALIASES = {
    "lin_rec709_scene": "linear",
    "lin_rec709": "linear",
    "lin_srgb": "linear",
    "linear rec.709 (srgb)": "linear",
    "aces2065-1": "lin_ap0_scene",
    "lin_ap0": "lin_ap0_scene",
    "acescg": "lin_ap1_scene",
    "aces - acescg": "lin_ap1_scene",
    "lin_ap1": "lin_ap1_scene",
    "linear rec.2020": "lin_rec2020_scene",
    "lin_rec2020": "lin_rec2020_scene",
    "linear p3-d65": "lin_p3d65_scene",
    "lin_p3d65": "lin_p3d65_scene",
    "linear adobergb": "lin_adobergb_scene",
}


def own_space(name: str) -> tuple[Curve, Primaries] | None:
    """The curve and the primaries of a space that we decode ourselves, or None."""
    if name.startswith(BY_PRIMARIES):
        primaries = primaries_of(name)
        return None if primaries is None else (linear, primaries)
    key = name.strip().lower()
    return OWN_SPACES.get(_OWN_ALIASES.get(key, key))


def space_of_primaries(chromaticities: Primaries) -> str | None:
    """The scene-linear space with these primaries (xy of R, G, B, white), or None if they span no gamut."""
    for space, primaries in PRIMARIES.items():
        if np.allclose(chromaticities, primaries, atol=_PRIMARIES_TOLERANCE):
            return space
    try:
        to_rec709(chromaticities)
    except ValueError:
        return None
    return BY_PRIMARIES + " ".join(f"{value:.6g}" for value in chromaticities)


def primaries_of(space: str) -> Primaries | None:
    """The primaries (xy of R, G, B, white) of a scene-linear space, where they are known."""
    if space.startswith(BY_PRIMARIES):
        try:
            return tuple(float(word) for word in space.removeprefix(BY_PRIMARIES).split())
        except ValueError:
            return None
    name = space.strip().lower()
    names = {**{known.lower(): known for known in PRIMARIES}, **_LINEAR_ALIASES}
    return PRIMARIES.get(names.get(name, ""))
