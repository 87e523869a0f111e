#!/bin/sh
# OpenImageIO reads a DPX file's film and television header out of its pixels.
#
# FFmpeg's DPX encoder writes the generic header alone and says so: the pixels begin at byte 1664, and the length of
# the industry header is 0 (SMPTE ST 268 makes that header optional). OpenImageIO's reader takes the fields that
# would stand from 1664 to 2048 all the same, so a picture's own bytes come back as timecode, frame rate and slate.
# Expected: no such fields. Seen with OpenImageIO 3.2.2.0 on a grey ramp by PyAV 18.1.0 (FFmpeg 8.1): a frame rate
# and a timecode that nobody wrote, which change with the picture.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check OpenImageIO==3.2.2.0 av==18.1.0 numpy==2.4.6 || exit 2
cat > case.py <<'EOF'
import struct
import sys

import av
import numpy as np
import OpenImageIO as oiio

print("OpenImageIO", oiio.__version__, "PyAV", av.__version__, "libavcodec", av.library_versions["libavcodec"])
found = []
for top in (20000, 60000):
    ramp = np.linspace(top / 2, top, 48 * 64 * 3).reshape(48, 64, 3).astype(np.uint16)
    with av.open("f.dpx", "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("dpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gbrp10be"
        picture = av.VideoFrame.from_ndarray(ramp, format="rgb48le").reformat(format="gbrp10be")
        for packet in (*stream.encode(picture), *stream.encode(None)):
            container.mux(packet)
    head = open("f.dpx", "rb").read(2048)
    print("pixels begin at", struct.unpack_from(">I", head, 4)[0],
          "industry header of", struct.unpack_from(">I", head, 28)[0], "bytes")
    spec = oiio.ImageInput.open("f.dpx").spec()
    found.append([spec.get(name, None) for name in ("smpte:TimeCode", "dpx:FrameRate", "dpx:TemporalFrameRate")])
    print("timecode, film rate, television rate:", found[-1])
sys.exit(0 if all(value is not None for row in found for value in row) and found[0] != found[1] else 1)
EOF
venv/bin/python case.py
