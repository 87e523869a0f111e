"""Every way in which a file says what its colour is, made by code, with the light that it must come to.

`python -m tests.frames.colour_cells` writes docs/colour-table.md; `pytest tests/frames/test_colour_table.py`
holds it to the truth.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from tests.frames.colour_profiles import (
    ADOBE_ICC,
    CODE,
    P3_ICC,
    PROPHOTO_ICC,
    SIDE,
    SRGB_ICC,
    TABLES_ICC,
    Light,
    cicp,
    gama,
    iccp,
    png,
)

from flyaway import EncodingUnknownError
from flyaway.frames import read_plate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "colour-table.md"
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
AWG4 = (0.7347, 0.2653, 0.1424, 0.8576, 0.0991, -0.0308, 0.3127, 0.3290)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)


@dataclass(frozen=True)
class Cell:
    """A kind of file with a tag.

    Attributes:
        container, tag: for the page.
        name: the file's.
        make: writes it.
        light: the scene-linear Rec.709 that its code must come to, or None where it is refused.
        told: a piece of the note or of the refusal; "" where nothing is to be told.
        tolerance: of `light`: what the format's compression costs.
    """

    container: str
    tag: str
    name: str
    make: Callable[[Path], None]
    light: Light | None
    told: str = ""
    tolerance: float = 2e-3


@cache
def ocio(space: str, code: Light = CODE) -> Light:
    """`code` in a space of OCIO's own configuration as scene-linear Rec.709, by OCIO alone."""
    pixels = np.broadcast_to(np.float32(code), (4, 4, 3)).copy()
    studio = "ocio://studio-config-latest"
    out = oiio.ImageBufAlgo.colorconvert(oiio.ImageBuf(pixels), space, "lin_rec709_scene", colorconfig=studio)
    red, green, blue = map(float, out.getpixel(0, 0))
    return red, green, blue


def srgb(code: Light = CODE) -> Light:
    red, green, blue = (((value + 0.055) / 1.055) ** 2.4 for value in code)
    return red, green, blue


def prophoto() -> Light:
    """By the matrices that B. Lindbloom publishes: ROMM RGB → XYZ (D50) → sRGB."""
    to_xyz = np.array([[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0, 0, 0.82521]])
    to_srgb = np.array(
        [
            [3.1338561, -1.6168667, -0.4906146],
            [-0.9787684, 1.9161415, 0.0334540],
            [0.0719453, -0.2289914, 1.4052427],
        ]
    )
    red, green, blue = to_srgb @ to_xyz @ np.array(CODE) ** 1.8
    return float(red), float(green), float(blue)


def power(gamma: float) -> Light:
    red, green, blue = (value**gamma for value in CODE)
    return red, green, blue


def image(kind: str = "uint16", code: Light = CODE, **attributes: Any) -> Callable[[Path], None]:
    """A flat picture by OpenImageIO; `__` in a name stands for `:`."""

    def make(path: Path) -> None:
        spec = oiio.ImageSpec(SIDE, SIDE, 3, kind)
        spec.attribute("compression", "jpeg:100" if path.suffix == ".jpg" else "zip")
        for name, value in attributes.items():
            key = name.replace("__", ":")
            if isinstance(value, bytes):
                spec.attribute(key, f"uint8[{len(value)}]", np.frombuffer(value, np.uint8))
            elif isinstance(value, tuple):
                spec.attribute(key, f"{'float' if len(value) == 8 else 'int'}[{len(value)}]", value)
            else:
                spec.attribute(key, value)
        target = oiio.ImageOutput.create(str(path))
        pixels = np.broadcast_to(np.float32(code), (SIDE, SIDE, 3)).copy()
        assert target.open(str(path), spec), target.geterror()
        assert target.write_image(pixels), target.geterror()
        assert target.close(), target.geterror()

    return make


def movie(primaries: int, transfer: int) -> Callable[[Path], None]:
    """One flat frame of ProRes, BT.709 matrix, that says this of itself."""

    def make(path: Path) -> None:
        import av

        from flyaway.frames.video import ycbcr_codes

        codes = ycbcr_codes(np.broadcast_to(np.float32(CODE), (SIDE, SIDE, 3)).copy(), 10)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("prores_ks", rate=24)
            stream.width = stream.height = SIDE
            stream.pix_fmt = "yuv444p10le"
            tags = {"colorspace": 1, "color_range": 1, "color_primaries": primaries, "color_trc": transfer}
            frame = av.VideoFrame(SIDE, SIDE, "yuv444p10le")
            for name, value in tags.items():
                setattr(stream.codec_context, name, value)
                setattr(frame, name, value)
            for plane, code in zip(frame.planes, codes, strict=True):
                lines = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                lines[:, :SIDE] = code
                plane.update(lines.tobytes())
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    return make


def cells() -> list[Cell]:
    linear = CODE
    return [
        # Nothing is said: the format's habit.
        Cell("PNG", "nothing", "a.png", png(), srgb()),
        Cell("TIFF, integers", "nothing", "a.tif", image(), srgb()),
        Cell("JPEG", "nothing", "a.jpg", image("uint8"), srgb(), tolerance=0.01),
        Cell("WebP", "nothing", "a.webp", image("uint8"), srgb(), tolerance=0.02),
        Cell("BMP", "nothing", "a.bmp", image("uint8"), srgb(), tolerance=4e-3),
        Cell("Targa", "nothing", "a.tga", image("uint8"), srgb(), tolerance=4e-3),
        Cell("TIFF, float", "nothing", "f.tif", image("float"), linear),
        Cell("Radiance HDR", "nothing", "a.hdr", image("float"), linear, tolerance=4e-3),
        Cell("EXR", "nothing", "a.exr", image("float"), linear),
        # EXR.
        Cell("EXR", "chromaticities Rec.709", "c7.exr", image("float", chromaticities=REC709), linear),
        Cell("EXR", "chromaticities AP0", "c0.exr", image("float", chromaticities=AP0), ocio("ACES2065-1")),
        Cell("EXR", "chromaticities of a camera (ARRI Wide Gamut 4)", "ca.exr",
             image("float", chromaticities=AWG4), ocio("Linear ARRI Wide Gamut 4"), tolerance=6e-3),
        Cell("EXR", "chromaticities that nobody has named", "cx.exr",
             image("float", chromaticities=(0.66, 0.33, 0.29, 0.63, 0.15, 0.06, 0.3127, 0.3290)),
             (0.6238, 0.4084, 0.1943), tolerance=2e-2),
        Cell("EXR", "chromaticities that span no gamut", "cn.exr",
             image("float", chromaticities=(0.3, 0.3) * 4), linear, "span no gamut"),
        Cell("EXR", "colorInteropID lin_ap1_scene", "i1.exr",
             image("float", colorInteropID="lin_ap1_scene"), ocio("ACEScg")),
        Cell("EXR", "colorInteropID lin_ap1_scene, chromaticities Rec.709", "ic.exr",
             image("float", colorInteropID="lin_ap1_scene", chromaticities=REC709), ocio("ACEScg"),
             "not those of lin_ap1_scene"),
        Cell("EXR", "colorInteropID srgb_rec709_scene", "is.exr",
             image("float", colorInteropID="srgb_rec709_scene"), srgb()),
        Cell("EXR", "colorInteropID srgb_p3d65_display", "ip.exr",
             image("float", colorInteropID="srgb_p3d65_display"), ocio("srgb_p3d65_scene"), "Display P3"),
        Cell("EXR", "colorInteropID pq_rec2020_display", "iq.exr",
             image("float", (0.58069, 0.58069, 0.58069), colorInteropID="pq_rec2020_display"), (1, 1, 1),
             "HDR (PQ)"),
        # PNG.
        Cell("PNG", "cICP 1, 13 (sRGB)", "c13.png", png(cicp(1, 13)), srgb()),
        Cell("PNG", "cICP 1, 1 (BT.709, as FFmpeg writes it)", "c1.png", png(cicp(1, 1)), srgb()),
        Cell("PNG", "cICP 12, 13 (Display P3)", "c12.png", png(cicp(12, 13)), ocio("srgb_p3d65_scene"),
             "Display P3 primaries"),
        Cell("PNG", "cICP 9, 14 (BT.2020)", "c9.png", png(cicp(9, 14)), ocio("lin_rec2020_scene", srgb()),
             "BT.2020 primaries"),
        Cell("PNG", "cICP 9, 16 (PQ)", "pq.png", png(cicp(9, 16), code=(0.58069, 0.58069, 0.58069)),
             (1, 1, 1), "HDR (PQ)"),
        Cell("PNG", "cICP 9, 18 (HLG)", "hlg.png", png(cicp(9, 18), code=(0.75, 0.75, 0.75)), (1, 1, 1),
             "HDR (HLG)"),
        Cell("PNG", "cICP 1, 8 (linear)", "c8.png", png(cicp(1, 8)), linear),
        Cell("PNG", "cICP 1, 9 (log)", "c99.png", png(cicp(1, 9)), None, "log 100:1"),
        Cell("PNG", "cICP 200, 77 (none that there are)", "c77.png", png(cicp(200, 77)), srgb(),
             "are none that H.273 knows"),
        Cell("PNG", "cICP 12, 13, and an sRGB profile", "ci.png", png(iccp(SRGB_ICC), cicp(12, 13)),
             ocio("srgb_p3d65_scene"), "Display P3"),
        Cell("PNG", "gAMA 1/2.2", "g22.png", png(gama(45455)), power(2.2)),
        Cell("PNG", "gAMA 1/2", "g2.png", png(gama(50000)), power(2)),
        Cell("PNG", "gAMA 1", "g1.png", png(gama(100000)), linear),
        # ICC profiles.
        Cell("PNG", "ICC sRGB", "is.png", png(iccp(SRGB_ICC)), srgb()),
        Cell("PNG", "ICC Display P3", "ip.png", png(iccp(P3_ICC)), ocio("srgb_p3d65_scene"), "(Display P3)"),
        Cell("PNG", "ICC Adobe RGB", "ia.png", png(iccp(ADOBE_ICC)), ocio("g22_adobergb_scene"),
             "(Adobe RGB (1998))"),
        Cell("PNG", "ICC ProPhoto", "ir.png", png(iccp(PROPHOTO_ICC)), prophoto(), "(ProPhoto RGB)"),
        Cell("PNG", "ICC of tables", "it.png", png(iccp(TABLES_ICC)), srgb(), "was ignored"),
        Cell("JPEG", "ICC Display P3", "ip.jpg", image("uint8", ICCProfile=P3_ICC),
             ocio("srgb_p3d65_scene"), "(Display P3)", 0.01),
        Cell("JPEG", "EXIF ColorSpace 2 (Adobe RGB)", "ex2.jpg", image("uint8", Exif__ColorSpace=2),
             ocio("g22_adobergb_scene"), "Adobe RGB", 0.01),
        Cell("JPEG", "EXIF ColorSpace uncalibrated, no profile", "exu.jpg",
             image("uint8", Exif__ColorSpace=65535), srgb(), "not what it is", 0.01),
        Cell("TIFF, integers", "ICC ProPhoto", "ir.tif", image(ICCProfile=PROPHOTO_ICC), prophoto(),
             "(ProPhoto RGB)"),
        Cell("TIFF, integers", "ICC Adobe RGB", "ia.tif", image(ICCProfile=ADOBE_ICC),
             ocio("g22_adobergb_scene"), "(Adobe RGB (1998))"),
        Cell("TIFF, integers", "ICC, damaged", "id.tif", image(ICCProfile=P3_ICC[:200]), srgb(),
             "was ignored"),
        Cell("WebP", "ICC Display P3", "ip.webp", image("uint8", ICCProfile=P3_ICC),
             ocio("srgb_p3d65_scene"), "(Display P3)", 0.02),
        # Scans.
        Cell("DPX", "transfer ITU-R 709-4", "v.dpx", image(dpx__Transfer="ITU-R 709-4"), srgb()),
        Cell("DPX", "transfer Linear", "l.dpx", image(dpx__Transfer="Linear"), linear),
        Cell("DPX", "transfer Printing density", "p.dpx", image(dpx__Transfer="Printing density"), None,
             "--in-space: Cineon"),
        Cell("DPX", "transfer undefined", "u.dpx", image(dpx__Transfer="Undefined"), None,
             "cannot be known"),
        # Movies.
        Cell("movie", "1, 1 (BT.709)", "m1.mov", movie(1, 1), srgb(), tolerance=8e-3),
        Cell("movie", "9, 14 (BT.2020)", "m9.mov", movie(9, 14), ocio("lin_rec2020_scene", srgb()),
             "BT.2020 primaries", 8e-3),
        Cell("movie", "12, 13 (Display P3)", "m12.mov", movie(12, 13), ocio("srgb_p3d65_scene"),
             "Display P3 primaries", 8e-3),
        Cell("movie", "9, 16 (PQ)", "mq.mov", movie(9, 16), ocio_hdr("Rec.2100-PQ - Display"), "HDR (PQ)",
             8e-3),
        Cell("movie", "9, 18 (HLG)", "mh.mov", movie(9, 18), ocio_hdr("Rec.2100-HLG - Display"), "HDR (HLG)",
             8e-3),
        Cell("movie", "1, 9 (log)", "mg.mov", movie(1, 9), None, "log 100:1"),
    ]  # fmt: skip


def ocio_hdr(space: str) -> Light:
    """By OCIO, whose display spaces have 100 cd/m² at 1; and 203 of them at our 1."""
    red, green, blue = (value * 100 / 203 for value in ocio(space))
    return red, green, blue


def outcome(cell: Cell, path: Path) -> tuple[str, str]:
    """The space, or "refused", and what is told."""
    try:
        plate = read_plate(path, frame=1 if path.suffix == ".mov" else None)
    except EncodingUnknownError as error:
        return "refused", str(error).rpartition(f"{path}: ")[2]
    return plate.space, "; ".join(plate.notes)


HEAD = """# What a picture's colour is

Made by `python -m tests.frames.colour_cells` from {count} files, each read as it stands here; `pytest
tests/frames/test_colour_table.py` holds every row to the light that it must come to.

What comes first decides: `--in-space`, a file rule of the OCIO configuration that you chose, then the file.
In a file: cICP (or a movie's numbers of ITU-T H.273), an ICC profile, a name (`colorInteropID`, gamma),
`chromaticities`, EXIF, the format's habit.

`linear` is scene-linear with Rec.709 primaries; what had to be converted is that, with values below 0 and
above 1 kept. The numbers of a tag are primaries and transfer. Video by BT.709 is taken as sRGB-encoded in
movies, PNG and DPX alike; `--in-space "Rec.1886 Rec.709 - Display"` is the stricter reading of all three.
PQ and HLG have their reference white of 203 cd/m² (Report ITU-R BT.2408) at 1; `--in-space PQ` and `HLG`
say it where a file does not.

| file | says | space | told |
|---|---|---|---|
"""


def page(folder: Path) -> str:
    """The table, from files in an empty folder."""
    found = cells()
    rows = []
    for cell in found:
        cell.make(folder / cell.name)
        space, told = outcome(cell, folder / cell.name)
        words = (cell.container, cell.tag, space, told or "–")
        rows.append("| " + " | ".join(word.replace("|", "\\|") for word in words) + " |")
    return HEAD.format(count=len(found)) + "\n".join(rows) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(page(Path(scratch)), encoding="utf-8")
