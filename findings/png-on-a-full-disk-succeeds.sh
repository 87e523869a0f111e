#!/bin/sh
# OpenImageIO says that a PNG was written to a full disk; of an EXR, only write_image tells.
#
# Both files go to /dev/full, which takes no byte ("No space left on device"). PNG: open, write_image and close all
# return True, and only geterror() has a message. EXR: write_image returns False, and close() after it True. A program
# that checks what the calls return loses the PNG; one that checks close() alone loses both. DPX, for comparison,
# fails in close(). Expected: False from at least one call, and from close() wherever data were lost.
# Seen with OpenImageIO 3.1.7.0 and 3.2.2.0 on Linux.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
[ -c /dev/full ] || exit 2
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 numpy==2.4.6 || exit 2
cat > case.py <<'EOF'
import os
import sys

import numpy as np
import OpenImageIO as oiio

print("OpenImageIO", oiio.__version__)
pixels = np.random.default_rng(1).random((512, 512, 4), np.float32)
seen = {}
for suffix, kind in (("png", "uint16"), ("exr", "half"), ("dpx", "uint16")):
    name = f"full.{suffix}"
    os.symlink("/dev/full", name)
    out = oiio.ImageOutput.create(name)
    opened = out.open(name, oiio.ImageSpec(512, 512, 4, kind))
    written = out.write_image(pixels)
    message = " ".join(out.geterror().split())
    closed = out.close()
    seen[suffix] = (opened, written, closed)
    print(f"{suffix}: open {opened}, write_image {written}, close {closed}; message {message[:70]!r}")
sys.exit(0 if seen["png"] == (True, True, True) and seen["exr"] == (True, False, True) and not seen["dpx"][2] else 1)
EOF
venv/bin/python case.py
