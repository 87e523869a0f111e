#!/bin/sh
# What a ProRes movie's container says of colour is gone from PyAV's stream once a frame is decoded.
#
# A movie whose container says BT.709 (colr), and whose frame headers say nothing: before the first frame the codec
# context says 1, 1, 1; after it 2, 2, 2 (unspecified), as do the frames. The decoder writes what the frame's header
# says into the context, also where that is nothing. Expected: the container's word where the frames are silent, as for
# H.264. Whoever wants it has to read it before decoding. Seen with PyAV 18.1.0 (FFmpeg 8.1.2).
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

print("PyAV", av.__version__)


def told(codec, form):
    """The three numbers before the first frame, after it, and of the frame."""
    with av.open("p.mov", "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, form
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(96, 64, form)))
        container.mux(stream.encode())
    with av.open("p.mov") as container:
        context = container.streams.video[0].codec_context
        before = numbers(context)
        frame = next(container.decode(video=0))
        found = before, numbers(context), numbers(frame)
    print(codec, "before, after, frame:", *found)
    return found


def numbers(one):
    return int(one.color_primaries), int(one.color_trc), int(one.colorspace)


told_by_container, silent = (1, 1, 1), (2, 2, 2)
prores = told("prores_ks", "yuv422p10le")
h264 = told("libx264", "yuv420p")
sys.exit(0 if prores == (told_by_container, silent, silent) and h264[1] == told_by_container else 1)
END
venv/bin/python case.py
