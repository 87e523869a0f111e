#!/bin/sh
# FFmpeg's scaler in several threads writes over the first pixels of another thread's part, now and then.
#
# Through PyAV's VideoFrame.reformat, yuv422p to yuv444p16le, 1924 pixels wide: in four threads the first eight samples
# of the line that begins a thread's part (rows 270, 540 and 810 of 1080), in all three planes, come out as other
# numbers in some of the conversions, as if the part above ended its last line with whole vectors, past the line's
# padding. One thread gives the same numbers every time. 1280 and 1920 pixels never showed it. Expected: the same
# numbers whatever the count of threads. Seen with PyAV 18.1.0 (FFmpeg 8.1.2, libswscale 9.5.102).
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
WIDTH, HEIGHT, TRIES = 1924, 1080, 400
# The same matrix and range on both sides: depth and chroma's size alone change.
SAME = {"src_colorspace": 1, "dst_colorspace": 1, "src_color_range": 2, "dst_color_range": 2}
frame = av.VideoFrame(WIDTH, HEIGHT, "yuv422p")
rng = np.random.default_rng(1)
for plane in frame.planes:
    plane.update(rng.integers(0, 256, plane.buffer_size, dtype=np.uint8).tobytes())


def converted(threads):
    wide = frame.reformat(format="yuv444p16le", threads=threads, **SAME)
    lines = [np.frombuffer(plane, np.uint16).reshape(plane.height, -1) for plane in wide.planes]
    return np.stack([part[:, :WIDTH] for part in lines]), wide.planes[0].line_size


right, line = converted(1)
print("bytes a line", line, "of which pixels", WIDTH * 2)
steady = all(np.array_equal(converted(1)[0], right) for _ in range(10))
print("one thread gives the same ten times over:", steady)
for number in range(TRIES):
    found = converted(4)[0]
    if not np.array_equal(found, right):
        plane, row, column = (sorted(set(one.tolist())) for one in np.nonzero(found != right))
        print(f"four threads, try {number}: wrong in planes {plane}, rows {row}, columns {column}")
        sys.exit(0 if steady else 1)
print(f"four threads: right {TRIES} times")
sys.exit(1)
END
venv/bin/python case.py
