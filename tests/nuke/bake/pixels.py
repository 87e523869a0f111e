"""Real EXRs, made and read by the Python that has OpenImageIO; called as a program by the bake's tests."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

ASTRONAUT = Path(__file__).resolve().parents[3] / "examples" / "astronaut.png"
SIZE = 160


def write(folder: str, first: str, last: str, shift: str = "0") -> list[str]:
    """Scene-linear half EXRs of the astronaut's head with overscan: data window larger than the display."""
    source = oiio.ImageBuf(str(ASTRONAUT))
    picture = np.asarray(source.get_pixels(oiio.FLOAT))[..., :3]
    made = []
    for frame in range(int(first), int(last) + 1):
        # It moves, so that no two frames are alike.
        left = 130 + (frame + int(shift)) % 40
        crop = np.clip(picture[30 : 30 + SIZE, left : left + SIZE], 0, 1) ** 2.2
        spec = oiio.ImageSpec(SIZE, SIZE, 3, "half")
        spec.x, spec.y = -16, -8
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = 0, 0, SIZE - 32, SIZE - 16
        spec.attribute("compression", "zip")
        spec.attribute("smpte:TimeCode", oiio.TypeDesc("timecode"), (frame, 0))
        path = Path(folder) / f"plate.{frame:04d}.exr"
        path.parent.mkdir(parents=True, exist_ok=True)
        target = oiio.ImageOutput.create(str(path))
        assert target.open(str(path), spec), target.geterror()
        assert target.write_image(np.ascontiguousarray(crop, dtype=np.float32)), target.geterror()
        assert target.close()
        made.append(path.as_posix())
    return made


def shot(folder: str, first: str, last: str, left: str, flip: str = "") -> list[str]:
    """Plates for screenshots: a 16:9 window that drifts over the astronaut, enlarged to 960×540."""
    source = oiio.ImageBuf(str(ASTRONAUT))
    picture = np.asarray(source.get_pixels(oiio.FLOAT))[..., :3] ** 2.2
    if flip:
        picture = picture[:, ::-1]
    made = []
    for index, frame in enumerate(range(int(first), int(last) + 1)):
        x = int(left) + round(12 * np.sin(index / 9))
        crop = np.ascontiguousarray(picture[8:260, x : x + 448], dtype=np.float32)
        large = oiio.ImageBufAlgo.resize(oiio.ImageBuf(crop), roi=oiio.ROI(0, 960, 0, 540, 0, 1, 0, 3))
        path = Path(folder) / f"plate.{frame:04d}.exr"
        path.parent.mkdir(parents=True, exist_ok=True)
        large.set_write_format("half")
        assert large.write(str(path)), large.geterror()
        made.append(path.as_posix())
    return made


def look(path: str) -> dict[str, object]:
    """Windows, channels, mean and hash of a picture."""
    image = oiio.ImageInput.open(path)
    assert image is not None, oiio.geterror()
    spec = image.spec()
    values = np.asarray(image.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT))
    image.close()
    return {
        "data": [spec.x, spec.y, spec.width, spec.height],
        "display": [spec.full_x, spec.full_y, spec.full_width, spec.full_height],
        "channels": list(spec.channelnames),
        "mean": float(values[..., -1].mean()),
        "hash": hashlib.sha256(values.tobytes()).hexdigest(),
    }


def looks(*paths: str) -> list[dict[str, object]]:
    """The same of several, in one process."""
    return [look(path) for path in paths]


if __name__ == "__main__":
    print(
        json.dumps({"write": write, "shot": shot, "look": look, "looks": looks}[sys.argv[1]](*sys.argv[2:]))
    )
