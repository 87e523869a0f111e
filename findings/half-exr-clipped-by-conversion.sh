#!/bin/sh
# FFmpeg decodes a half EXR with values below 0 and above 1, and clips them when asked for 32-bit floats.
#
# The decoder of FFmpeg 8.1 (in PyAV 18.1.0) hands out planes of halfs (gbrpf16le) from -1 to 4, as in the file. The
# conversion to 32-bit float planes (gbrpf32le), which can hold every half, returns 0 to 1. Expected: the same
# numbers in a wider type.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 av==18.1.0 numpy==2.4.6 || exit 2
cat > case.py <<'EOF'
import sys

import av
import numpy as np
import OpenImageIO as oiio

print("PyAV", av.__version__, "libswscale", av.library_versions["libswscale"])
spec = oiio.ImageSpec(64, 48, 3, "half")
out = oiio.ImageOutput.create("f.exr")
pixels = np.linspace(-1, 4, 64 * 48 * 3, dtype=np.float32).reshape(48, 64, 3)
assert out.open("f.exr", spec) and out.write_image(pixels) and out.close()
with av.open("f.exr") as container:
    frame = next(container.decode(video=0))


def ends(frame, kind):
    planes = [np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    print(frame.format.name, "from", min(p.min() for p in planes), "to", max(p.max() for p in planes))
    return float(min(p.min() for p in planes)), float(max(p.max() for p in planes))


decoded = ends(frame, np.float16)
wide = ends(frame.reformat(format="gbrpf32le"), np.float32)
sys.exit(0 if decoded == (-1.0, 4.0) and wide == (0.0, 1.0) else 1)
EOF
venv/bin/python case.py
