#!/bin/sh
# White of 4 bits a colour becomes a light grey: FFmpeg's scaler widens rgb444 by a shift.
#
# Through PyAV's VideoFrame.reformat, rgb444le to rgb24 or rgba: 15 of 15 becomes 240 of 255. The same scaler widens
# 5 bits (rgb555le) to 255. Expected: full is full, as of every other depth. Seen with PyAV 18.1.0 (FFmpeg 8.1.2).
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6 || exit 2
cat > case.py <<'END'
import sys

import av
import numpy as np

print("PyAV", av.__version__, "libswscale", av.library_versions["libswscale"])


def white(name, word):
    """What white becomes: the brightest of red, green and blue."""
    frame = av.VideoFrame(64, 48, name)
    plane = frame.planes[0]
    plane.update(np.full(plane.buffer_size // 2, word, "<u2").tobytes())
    wide = frame.reformat(format="rgb24", threads=1).planes[0]
    found = np.frombuffer(wide, np.uint8).reshape(wide.height, -1)[:, : 3 * 64]
    print(name, "white becomes", np.unique(found))
    return np.unique(found).tolist()


sys.exit(0 if (white("rgb444le", 0x0FFF), white("rgb555le", 0x7FFF)) == ([240], [255]) else 1)
END
venv/bin/python case.py
