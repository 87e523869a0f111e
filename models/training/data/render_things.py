"""Things drawn by code, for `clean`: nobody, but as lit and as sharp as people of `render_people`; resumable.

``python -m models.training.data.render_things --data DATA --bank BANK --package ASSETS --count 300`` writes
``BANK/things/NUMBER.png`` (RGBA, straight colour, exact coverage). It needs `embreex` and OpenImageIO;
ASSETS is the unpacked npm package `@pmndrs/assets` (CC0). The same number draws the same thing.
"""

from __future__ import annotations

import numpy as np
from models.training.data.render_people import missing, seen
from models.training.data.rendered.draw import drawn
from models.training.data.rendered.figure import Floats
from models.training.data.rendered.light import light_of
from models.training.data.rendered.objects import made_up
from models.training.data.solve_studio import to_bytes, write_picture


def render(
    number: int, panoramas: list[Floats], pictures: list[Floats], height: int
) -> tuple[Floats, Floats]:
    """Straight colour and coverage of one thing."""
    rng = np.random.default_rng((17, number))
    shells = made_up(rng)
    light = light_of(panoramas[rng.integers(len(panoramas))], float(rng.uniform(0, 2 * np.pi)))
    camera, size = seen(shells, height, rng)
    return drawn(shells, light, pictures, size, camera, rng)


def main() -> None:
    """Draw things until there are so many."""
    for number, out, panoramas, pictures, height in missing(__doc__, "things", ".png", 300):
        colour, alpha = render(number, panoramas, pictures, height)
        write_picture(to_bytes(np.concatenate((colour, alpha[..., None]), 2), 255), out)


if __name__ == "__main__":
    main()
