"""Sort the held-out sitters by skin and hair, as far as a measurement of their portraits can.

``python -m models.evaluation.sitters --solved FOLDER`` prints the table kept as ``sitters.csv``, which
``flyaway evaluate SET --group-by models/evaluation/sitters.csv`` reads. The folder holds what
``models.training.data.solve_studio`` wrote. All three columns are proxies, and ranks among these sitters:

skin
    Individual typology angle, ``atan((L* − 50) / b*)``, of the cheeks under the studio's light: median colour
    of the brighter half of two patches, which leaves out shadows, moustaches and the sides of noses. It is a
    photograph's, not a spectrometer's, so the usual bounds of skin classes do not hold. It says nothing of
    anyone's origin.
hair tone
    L* of a patch at the crown, its lowest fifth, since hair gleams; a shaved or bald head's is its scalp's.
hair outline
    Soft pixels of the head's alpha per pixel of its hard outline: long, curled and loose hair has more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models.evaluation.composite import Floats, Sitter, head_box
from models.evaluation.sources import read_sitter
from models.evaluation.split import held_out

THIRDS = ("darker third", "middle third", "lighter third")
HALVES = ("harder half", "softer half")

#: Cheeks in shares of the picture: the portraits are aligned by the eyes.
CHEEK_ROWS = (0.50, 0.57)
CHEEK_COLUMNS = (0.05, 0.11)
#: Where hair is looked for, in shares of the picture below the crown, and to both sides of its middle.
HAIR_ROWS = (0.03, 0.08)
HAIR_COLUMNS = 0.09
UNLIT = 0.2


@dataclass(frozen=True)
class Measured:
    """A sitter's numbers: degrees, L*, and soft pixels a pixel of outline."""

    angle: float
    tone: float
    outline: float


def to_lab(colour: Floats) -> Floats:
    """N×3 display-referred sRGB in levels as N×3 CIE L*a*b* under D65."""
    encoded = np.asarray(colour, np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    share = linear @ matrix.T / matrix.sum(axis=1)
    root = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def typology_angle(lab: Floats) -> float:
    """Individual typology angle in degrees of a colour L*, a*, b*."""
    return float(np.degrees(np.arctan2(lab[0] - 50, max(float(lab[2]), 1e-3))))


def windows(sitter: Sitter) -> tuple[list[tuple[slice, slice]], tuple[slice, slice]]:
    """Where a portrait's cheeks and hair are looked for."""
    size = sitter.alpha.shape[0]
    middle = round(head_box(sitter.alpha)[0])
    crown = int(np.argmax((sitter.alpha > 0.5).sum(axis=1) > 10))
    rows = slice(*(int(share * size) for share in CHEEK_ROWS))
    near, far = (int(share * size) for share in CHEEK_COLUMNS)
    cheeks = [(rows, slice(middle - far, middle - near)), (rows, slice(middle + near, middle + far))]
    reach = int(HAIR_COLUMNS * size)
    top, bottom = (crown + int(share * size) for share in HAIR_ROWS)
    return cheeks, (slice(top, bottom), slice(middle - reach, middle + reach))


def measure(sitter: Sitter) -> Measured:
    """Measure one portrait."""
    cheeks, hair = windows(sitter)
    skin = np.concatenate([sitter.colour[window].reshape(-1, 3) for window in cheeks])
    skin_lab = to_lab(skin)
    skin_lab = skin_lab[skin_lab[:, 0] >= np.median(skin_lab[:, 0])]
    strands = sitter.colour[hair][sitter.alpha[hair] > 0.9]
    centre, top, side = head_box(sitter.alpha)
    left, upper = max(0, int(centre - side / 2)), max(0, int(top))
    head = sitter.alpha[upper : int(top + side), left : int(centre + side / 2)]
    inside = head >= 0.5
    outline = np.count_nonzero(inside[1:] != inside[:-1]) + np.count_nonzero(inside[:, 1:] != inside[:, :-1])
    soft = np.count_nonzero((head > 0.05) & (head < 0.95))
    return Measured(
        typology_angle(np.median(skin_lab, axis=0)),
        float(np.quantile(to_lab(strands)[:, 0], UNLIT)),
        soft / max(int(outline), 1),
    )


def ranked(values: Mapping[str, float], parts: Sequence[str]) -> dict[str, str]:
    """Split by rank into parts of one size, from low to high; who is equal keeps the order of names."""
    order = sorted(values, key=lambda name: (values[name], name))
    return {name: parts[rank * len(parts) // len(order)] for rank, name in enumerate(order)}


def table(measured: Mapping[str, Measured]) -> str:
    """CSV of groups, and the numbers behind them as comments; both portraits of a sitter go together."""
    people: dict[str, list[Measured]] = {}
    for name, numbers in measured.items():
        people.setdefault(name.rpartition("-")[2], []).append(numbers)
    means = {
        person: Measured(*np.mean([[m.angle, m.tone, m.outline] for m in portraits], axis=0))
        for person, portraits in people.items()
    }
    skin = ranked({person: m.angle for person, m in means.items()}, THIRDS)
    tone = ranked({person: m.tone for person, m in means.items()}, THIRDS)
    outline = ranked({person: m.outline for person, m in means.items()}, HALVES)
    lines = ["# Proxies measured on the portraits by `python -m models.evaluation.sitters`; see there."]
    lines += [
        f"# {person}: ITA {m.angle:.0f} degrees, hair L* {m.tone:.0f}, soft per outline {m.outline:.2f}"
        for person, m in sorted(means.items())
    ]
    lines.append("name,skin,hair tone,hair outline")
    for name in sorted(measured):
        person = name.rpartition("-")[2]
        lines.append(f"{name},{skin[person]},{tone[person]},{outline[person]}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--solved", type=Path, required=True, help="folder of the solved studio portraits")
    options = parser.parse_args(arguments)
    names = held_out("portrait", "london")
    sys.stdout.write(table({name: measure(read_sitter(options.solved, name)) for name in names}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
