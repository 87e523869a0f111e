#!/bin/sh
# OpenImageIO takes two of Radiance's quarter turns for each other, and scrambles DPX files whose lines are columns.
#
# A Radiance file says in its resolution line which way lines follow each other, and which way pixels do: in
# "-X 4 -Y 6" line 0 is the right side and begins at the top, which is EXIF's orientation 6; OpenImageIO says 8, and 6
# for "+X 4 +Y 6". Of a DPX file whose image orientation is 4 to 7 (SMPTE ST 268: lines from top to bottom or back)
# it says the right orientation, swaps width and height, and then cuts the stored lines at the new width: the
# pixels are no turn or mirror of those in the file. Expected: the stored lines, and the orientation to turn them
# by. Seen with OpenImageIO 3.2.2.0.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 numpy==2.4.6 || exit 2
cat > case.py <<'END'
import struct
import sys

import numpy as np
import OpenImageIO as oiio

print("OpenImageIO", oiio.VERSION_STRING)
WIDTH, HEIGHT = 6, 4
LINES = {
    1: "-Y {h} +X {w}", 2: "-Y {h} -X {w}", 3: "+Y {h} -X {w}", 4: "+Y {h} +X {w}",
    5: "+X {h} -Y {w}", 6: "-X {h} -Y {w}", 7: "-X {h} +Y {w}", 8: "+X {h} +Y {w}",
}
pixels = (np.arange(WIDTH * HEIGHT * 3).reshape(HEIGHT, WIDTH, 3) * 3 / 255).astype(np.float32)


def written(name, kind):
    out = oiio.ImageOutput.create(name)
    assert out.open(name, oiio.ImageSpec(WIDTH, HEIGHT, 3, kind)) and out.write_image(pixels) and out.close()
    return open(name, "rb").read()


def turns(image):
    for one in (image, image.swapaxes(0, 1)):
        for rows in (one, one[::-1]):
            yield from (rows, rows[:, ::-1])


swapped = {}
data = written("p.hdr", "float")
for exif, text in LINES.items():
    said = text.format(h=HEIGHT, w=WIDTH)
    open("q.hdr", "wb").write(data.replace(f"-Y {HEIGHT} +X {WIDTH}".encode(), said.encode()))
    swapped[exif] = oiio.ImageInput.open("q.hdr").spec()["Orientation"]
    print(f"Radiance {said}: orientation {exif}, read as {swapped[exif]}")
right = {exif: exif for exif in LINES}

scrambled = {}
data = bytearray(written("p.dpx", "uint8"))
stored = oiio.ImageInput.open("p.dpx").read_image(oiio.UINT8)
for word in range(8):
    struct.pack_into(">H" if data[:4] == b"SDPX" else "<H", data, 768, word)
    open("q.dpx", "wb").write(data)
    source = oiio.ImageInput.open("q.dpx")
    found, spec = source.read_image(oiio.UINT8), source.spec()
    scrambled[word] = not any(np.array_equal(found, one) for one in turns(stored))
    print(f"DPX {word}: {spec.width}x{spec.height}, orientation {spec['Orientation']}, scrambled {scrambled[word]}")
as_told = swapped == right | {6: 8, 8: 6} and scrambled == {word: word >= 4 for word in range(8)}
sys.exit(0 if as_told else 1)
END
venv/bin/python case.py
