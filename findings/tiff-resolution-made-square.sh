#!/bin/sh
# OpenImageIO's TIFF writer replaces YResolution by XResolution, unless a pixel aspect ratio is given as well.
#
# TIFF has two tags, XResolution and YResolution, and no pixel aspect ratio: 300 by 150 dots an inch is how it says
# that pixels are not square. Given those two and nothing else, OpenImageIO 3.2.2.0 writes 300 by 300. With a
# PixelAspectRatio of 0.5 beside them it writes 300 by 150. Expected: the values that were given. No error is set.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 numpy==2.4.6 || exit 2
cat > case.py <<'EOF'
import struct
import sys

import numpy as np
import OpenImageIO as oiio

print("OpenImageIO", oiio.__version__)


def stored(extra):
    """The two tags, by hand: no reader's opinion."""
    spec = oiio.ImageSpec(8, 8, 3, "uint8")
    for name, value in {"XResolution": 300.0, "YResolution": 150.0, **extra}.items():
        spec.attribute(name, value)
    spec.attribute("ResolutionUnit", "in")
    out = oiio.ImageOutput.create("f.tif")
    assert out.open("f.tif", spec) and out.write_image(np.zeros((8, 8, 3), np.float32)) and out.close()
    data = open("f.tif", "rb").read()
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, place)
    tags = {}
    for index in range(count):
        tag, _, _, value = struct.unpack_from(order + "HHII", data, place + 2 + 12 * index)
        tags[tag] = value
    return tuple(top / bottom for top, bottom in (struct.unpack_from(order + "2I", data, tags[t]) for t in (282, 283)))


alone, beside = stored({}), stored({"PixelAspectRatio": 0.5})
print("300 by 150 given alone:", alone, "with a pixel aspect of 0.5:", beside, "error:", repr(oiio.geterror()))
sys.exit(0 if alone == (300.0, 300.0) and beside == (300.0, 150.0) else 1)
EOF
venv/bin/python case.py
