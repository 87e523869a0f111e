#!/bin/sh
# OpenImageIO 3.1 writes ZIP when asked for HTJ2K, and reports success.
#
# "htj2k256" is a compression of OpenEXR 3.4. The wheel of OpenImageIO 3.1.7.0 does not know it: open, write_image
# and close succeed, no error is pending, and the file on disk is compressed with ZIP. 3.2.2.0 writes htj2k256.
# Any other word that is no compression at all has the same fate in both. Expected: an error, or at least a message.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
cat > case.py <<'EOF'
import sys

import numpy as np
import OpenImageIO as oiio

pixels = np.random.default_rng(1).random((256, 256, 1), np.float32)
meant = sys.argv[1:]
same = True
for asked, wanted in zip(("htj2k256", "no-such-thing"), meant, strict=True):
    spec = oiio.ImageSpec(256, 256, 1, "half")
    spec.channelnames = ("Y",)
    spec.attribute("compression", asked)
    out = oiio.ImageOutput.create("f.exr")
    done = (out.open("f.exr", spec), out.write_image(pixels), out.close())
    got = oiio.ImageInput.open("f.exr").spec().get("compression")
    print(f"OpenImageIO {oiio.__version__}: asked for {asked}, open/write/close {done}, "
          f"error {out.geterror()!r}, written {got}")
    same = same and all(done) and got == wanted
sys.exit(not same)
EOF
for case in "3.1.7.0 zip zip" "3.2.2.0 htj2k256 zip"; do
    set -- $case
    python3 -m venv "v$1" || exit 2
    "v$1/bin/pip" install --quiet --disable-pip-version-check "OpenImageIO==$1" numpy==2.4.6 || exit 2
    "v$1/bin/python" case.py "$2" "$3" || exit 1
done
