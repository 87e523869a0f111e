"""Which files of a folder are pictures, by their suffix; which of them can be read, and what to do else."""

from __future__ import annotations

from pathlib import Path

import OpenImageIO as oiio

# What OpenImageIO reads and is no plate: icons, depth maps, textures' own containers, screens.
_NO_PLATES = {"null", "term", "zfile", "ico", "fits", "ptex", "openvdb", "ffmpeg", "field3d"}
_NO_PICTURES = {"tx", "env", "sm", "vsm", "z"}
_HEIF = ("heic", "heif", "heics", "heifs", "hif")
_RAW = (
    "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "dng", "raf", "orf", "rw2", "pef", "srw", "x3f",
    "iiq", "3fr", "erf", "mef", "mos", "ari", "r3d",
)  # fmt: skip
# Pictures that this OpenImageIO may not read, and how they become some that it does.
_CONVERT = {
    **dict.fromkeys(_HEIF, "convert it first (heif-convert {name} {stem}.png, libheif), or export a JPEG"),
    "avif": "convert it first (avifdec {name} {stem}.png, of libavif), or export it as PNG",
    **dict.fromkeys(_RAW, "develop it to a 16-bit TIFF first (darktable-cli {name} {stem}.tif)"),
    "svg": "render it to PNG at the size that is wanted",
    "xcf": "export it from GIMP as TIFF or EXR",
    "kra": "export it from Krita as TIFF or EXR",
    "ora": "export it as TIFF or PNG",
}


def _suffixes() -> tuple[str, ...]:
    found: dict[str, None] = dict.fromkeys(
        (".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".dpx", ".cin", ".hdr", ".bmp", ".tga")
    )
    readable = set(oiio.get_string_attribute("input_format_list").split(","))
    for listed in oiio.get_string_attribute("extension_list").split(";"):
        name, _, suffixes = listed.partition(":")
        if name in readable and name not in _NO_PLATES:
            found.update(dict.fromkeys(f".{one}" for one in suffixes.split(",") if one not in _NO_PICTURES))
    return tuple(found)


# What this OpenImageIO reads, in small letters; the usual ones first.
READABLE = _suffixes()


def is_readable(path: Path) -> bool:
    """Whether a file's name is that of a picture that can be read."""
    return path.suffix.lower() in READABLE


def remedy(path: Path) -> str:
    """How to make a readable picture of one that is not, by its name; "" where it is none, or can be read."""
    if is_readable(path):
        return ""
    how = _CONVERT.get(path.suffix.lower().lstrip("."), "")
    return how.format(name=path.name, stem=path.stem)
