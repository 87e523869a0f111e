#!/bin/sh
# EXR's DWAA is lossy for a matte called Y, and lossless for the same matte called A.
#
# DWA compresses by a channel's name: R, G, B and Y go through its lossy transform, A is run-length coded, and every
# other name is deflated. So a matte's pixels survive bit for bit or do not, by what its channel is called, at one
# and the same quality. Seen with OpenImageIO 3.2.2.0 (OpenEXR's own codec): error of Y about 0.013 at level 45, of
# A, matte.A and Z none. Expected by many: "dwaa is lossy".
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 numpy==2.4.6 || exit 2
cat > case.py <<'EOF'
import sys

import numpy as np
import OpenImageIO as oiio

print("OpenImageIO", oiio.__version__)
pixels = np.random.default_rng(1).random((256, 256, 1)).astype(np.float16).astype(np.float32)
error = {}
for name in ("Y", "A", "matte.A", "Z"):
    spec = oiio.ImageSpec(256, 256, 1, "half")
    spec.channelnames = (name,)
    spec.attribute("compression", "dwaa:45")
    out = oiio.ImageOutput.create("f.exr")
    assert out.open("f.exr", spec) and out.write_image(pixels) and out.close()
    back = oiio.ImageInput.open("f.exr").read_image(format="float")
    error[name] = float(np.abs(np.asarray(back).reshape(pixels.shape) - pixels).max())
    print(f"{name}: largest error {error[name]:.5f}")
sys.exit(0 if error.pop("Y") > 1e-3 and not any(error.values()) else 1)
EOF
venv/bin/python case.py
