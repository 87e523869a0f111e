"""The table of header fields: what becomes of each of a plate's, in each kind of output, and why.

docs/headers.md shows it (`python docs/make_headers.py` writes it, a test compares); `fields` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flyaway.frames.options import Output

Verdict = Literal["kept", "kept with its colour", "rewritten", "dropped", "refused"]
Elsewhere = Literal["kept", "same format", "dropped"]


@dataclass(frozen=True)
class Field:
    """A row: some fields of a plate's header that share a fate.

    Attributes
    ----------
    what : in words.
    names : as OpenImageIO calls them; one that ends in `*` stands for all that begin so.
    matte, rgba, beside : what becomes of them in an EXR of that kind; "unknown" is as "matte",
        "fg" and "comp" as "rgba".
    elsewhere : what of the fields that an EXR keeps goes into PNG and TIFF: all, those of a plate of the
        same format, or none.
    why : the reason.
    told : what a note says where such a field was dropped, or "".
    """

    what: str
    names: tuple[str, ...]
    matte: Verdict
    rgba: Verdict
    beside: Verdict
    elsewhere: Elsewhere
    why: str
    told: str = ""

    def verdict(
        self, output: Output, *, exr: bool = True, same_format: bool = True, same_colour: bool = True
    ) -> Verdict:
        """What becomes of these fields.

        Parameters
        ----------
        output : the kind of output.
        exr : the output is an EXR.
        same_format : plate and output are of one format.
        same_colour : "rgba" holds the plate's colour as it was, not converted.
        """
        found: Verdict = getattr(self, _LIKE.get(output, output))
        if found == "kept with its colour":
            found = "kept" if exr and same_colour else "dropped"
        if found == "kept" and not exr:
            return "kept" if self.elsewhere == "kept" or (self.elsewhere, same_format) == _SAME else "dropped"
        return found


_SAME = ("same format", True)

# Kinds that are as others where headers go.
_LIKE: dict[Output, Output] = {"unknown": "matte", "fg": "rgba", "comp": "rgba"}

# The first row that fits a name decides.
FIELDS = (
    Field(
        "timecode in words, above 60 frames a second",
        ("flyaway:timecode",),
        "kept",
        "kept",
        "kept",
        "dropped",
        "of the moment; the bits of `smpte:TimeCode` cannot tell all frames apart there",
    ),
    Field(
        "our own: model, version, what the pixels are",
        ("flyaway:*",),
        "rewritten",
        "rewritten",
        "rewritten",
        "dropped",
        "an output that is a plate again would say of the new file what was true of the old one",
    ),
    Field(
        "ACES container",
        ("acesImageContainerFlag",),
        "dropped",
        "dropped",
        "dropped",
        "dropped",
        "ST 2065-4 allows RGB or RGBA, half, AP0 and no compression, and nothing beside them",
        told="the plate is an ACES container, and this file is none: acesImageContainerFlag was left out",
    ),
    Field(
        "layout of the file",
        (
            *(
                "channels",
                "dataWindow",
                "displayWindow",
                "lineOrder",
                "type",
                "version",
                "tiles",
                "chunkCount",
            ),
            *("maxSamplesPerPixel", "deepImageState", "planarconfig", "textureformat", "oiio:subimages"),
            *("openexr:chunkCount", "openexr:levelmode", "openexr:roundingmode", "openexr:lineOrder"),
        ),
        "rewritten",
        "rewritten",
        "rewritten",
        "dropped",
        "each file has its own; one level is written, in scan lines (`beside`: in tiles where the plate is)",
    ),
    Field(
        "compression",
        (
            *("compression", "CompressionQuality", "dwaCompressionLevel", "openexr:dwaCompressionLevel"),
            "Exif:CompressedBitsPerPixel",
        ),
        "rewritten",
        "rewritten",
        "rewritten",
        "dropped",
        "as asked for; `beside` keeps the plate's where it is lossless",
    ),
    Field(
        "sums over the pixels",
        ("oiio:ConstantColor", "oiio:AverageColor", "oiio:SHA-1"),
        "dropped",
        "dropped",
        "dropped",
        "dropped",
        "they are of the plate's pixels and channels",
    ),
    Field(
        "orientation",
        ("Orientation",),
        "dropped",
        "dropped",
        "refused",
        "dropped",
        "the picture is turned upright; `beside` turns nothing, and refuses a plate that is not upright",
    ),
    Field(
        "pixel aspect, density",
        ("PixelAspectRatio", "XResolution", "YResolution", "ResolutionUnit"),
        "kept",
        "kept",
        "kept",
        "kept",
        "after a quarter turn the two directions are exchanged",
    ),
    Field(
        "timecode, keycode, frame rate",
        ("smpte:TimeCode", "smpte:KeyCode", "framesPerSecond"),
        "kept",
        "kept",
        "kept",
        "dropped",
        "of the moment, whatever the picture holds; a value that cannot be one is left out, and told; PNG and"
        " TIFF have no place for any, which is told, too",
        "timecode, keycode and frame rate stay behind: only EXR has a place for them",
    ),
    Field(
        "who, when, what",
        ("Copyright", "Artist", "ImageDescription", "DateTime", "Make", "Model"),
        "kept",
        "kept",
        "kept",
        "kept",
        "true of whatever is made from the plate",
    ),
    Field(
        "which colour it is",
        (
            *("chromaticities", "colorInteropID", "oiio:ColorSpace", "oiio:Gamma", "CICP", "ICCProfile*"),
            *("Exif:ColorSpace", "Exif:Gamma", "gamma"),
        ),
        "dropped",
        "rewritten",
        "kept",
        "dropped",
        "coverage has no colour (PNG and TIFF mattes are marked linear); `rgba` says what its colour is now",
    ),
    Field(
        "white, and how it is to be viewed",
        (
            *("adoptedNeutral", "whiteLuminance", "renderingTransform", "lookModTransform", "cLLI", "mDCV"),
            *("oiio:MaxContentLightLevel", "oiio:MaxFrameAverageLightLevel"),
        ),
        "dropped",
        "kept with its colour",
        "kept",
        "dropped",
        "they speak of the plate's colour values",
    ),
    Field(
        "other channels",
        (
            "cryptomatte/*",
            "idManifest",
            "multiView",
            "view",
            "name",
            "oiio:subimagename",
            "nuke/full_layer_names",
        ),
        "dropped",
        "dropped",
        "kept",
        "dropped",
        "of channels, parts and views that only `beside` has",
    ),
    Field(
        "the program",
        ("Software", "nuke/version", "nuke/node_hash", "Exif:ProcessingSoftware"),
        "rewritten",
        "rewritten",
        "kept",
        "dropped",
        "the file is Flyaway's; `flyaway:version` says which",
    ),
    Field(
        "thumbnails",
        ("preview", "thumbnail_*"),
        "dropped",
        "dropped",
        "dropped",
        "dropped",
        "they show the plate",
    ),
    Field(
        "size in a camera's words",
        (
            *("Exif:PixelXDimension", "Exif:PixelYDimension", "Exif:ComponentsConfiguration"),
            *("Exif:ImageWidth", "Exif:ImageLength"),
        ),
        "dropped",
        "dropped",
        "kept",
        "dropped",
        "before turning, and of the plate's own file",
    ),
    Field(
        "private to a file format",
        (
            *(
                "oiio:*",
                "openexr:*",
                "exr:*",
                "tiff:*",
                "png:*",
                "jpeg:*",
                "dpx:*",
                "cineon:*",
                "bmp:*",
                "targa:*",
            ),
            *(
                "webp:*",
                "hdr:*",
                "heif:*",
                "avif:*",
                "gif:*",
                "jpegxl:*",
                "jpeg2000:*",
                "photoshop:*",
                "raw:*",
            ),
        ),
        "dropped",
        "dropped",
        "kept",
        "dropped",
        "how the plate's file was stored",
    ),
    Field(
        "all else",
        ("*",),
        "kept",
        "kept",
        "kept",
        "same format",
        "cameras, lenses, places, and what your pipeline wrote; PNG and TIFF know few names of others",
    ),
)
