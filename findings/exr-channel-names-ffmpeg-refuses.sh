#!/bin/sh
# FFmpeg opens a one-channel EXR called Y, and none called A, Z or R.
#
# An alpha matte is one channel; the OpenEXR documentation names A for alpha and Y for luminance, and tools write
# both. FFmpeg 8.1 (in PyAV 18.1.0) decodes the file whose channel is Y as grey, and answers "Not yet implemented in
# FFmpeg, patches welcome" for the same pixels under A, Z or R. Expected: grey, or an alpha plane.
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

print("PyAV", av.__version__, "libavcodec", av.library_versions["libavcodec"])
pixels = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64, 1)
seen = {}
for name in "YAZR":
    spec = oiio.ImageSpec(64, 48, 1, "half")
    spec.channelnames = (name,)
    out = oiio.ImageOutput.create("f.exr")
    assert out.open("f.exr", spec) and out.write_image(pixels) and out.close()
    try:
        with av.open("f.exr") as container:
            seen[name] = next(container.decode(video=0)).format.name
    except av.FFmpegError as error:
        seen[name] = f"{type(error).__name__}: {error.strerror}"
    print(name, "→", seen[name])
sys.exit(0 if seen["Y"].startswith("gray") and all("PatchWelcome" in seen[name] for name in "AZR") else 1)
EOF
venv/bin/python case.py
