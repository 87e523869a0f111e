"""What can be asked of a matte's file, and which of it a format can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from flyaway.chosen import MaybePathField, check_word, maybe_path_field, real
from flyaway.errors import UsageError, WriteError

Output = Literal["matte", "rgba", "beside", "unknown", "fg", "comp"]
EdgeColour = Literal["plate", "foreground"]
Depth = Literal["half", "float", "uint8", "uint16"]
Screen = Literal["green", "blue"]

# Formats that hold a matte well: without loss, in 16 bits or more.
WRITABLE = (".exr", ".png", ".tif", ".tiff")
DEPTHS: dict[str, tuple[Depth, ...]] = {
    ".exr": ("half", "float"),
    ".png": ("uint8", "uint16"),
    ".tif": ("uint8", "uint16", "float"),
}
COMPRESSIONS = {
    ".exr": (
        "zip", "zips", "piz", "rle", "none", "htj2k32", "htj2k256", "pxr24", "b44", "b44a", "dwaa", "dwab",
    ),
    ".png": ("zip",),
    ".tif": ("zip", "lzw", "packbits", "none"),
}  # fmt: skip
# The highest level of those that have levels, from 1 on; of DWA an error, of which this is all of 0..1.
LEVELS: dict[str, dict[str, int]] = {
    ".exr": {"zip": 9, "zips": 9, "dwaa": 100_000, "dwab": 100_000},
    ".png": {"zip": 9},
    ".tif": {},
}
# They store something near what they are given.
LOSSY = ("pxr24", "b44", "b44a", "dwaa", "dwab")
UNKNOWN = "unknown.A"  # the channel of the unknown region
# How many channels each kind has; "beside" has the plate's and one more.
CHANNELS: dict[Output, int] = {"matte": 1, "unknown": 1, "rgba": 4, "fg": 3, "comp": 3}
# The kinds whose colour is written anew.
COLOURED: tuple[Output, ...] = ("rgba", "fg", "comp")
FOREGROUND = ("fg.R", "fg.G", "fg.B")  # the person's own colour beside a plate's channels
ALPHA = "A"  # a matte's channel where nothing is said, and the alpha of rgba
# The kinds whose file is about one channel, which has a name of its own in EXR.
_NAMED: tuple[Output, ...] = ("matte", "beside", "unknown")
LONGEST_NAME = 255  # bytes; what OpenEXR allows

# What a plate's format becomes where it cannot hold a matte well.
_PHOTOGRAPHS = (
    ".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi", ".webp", ".bmp", ".dib", ".tga", ".tpic", ".gif",
    ".jp2", ".j2k", ".j2c", ".jph", ".jxl", ".heic", ".heif", ".hif", ".avif",
)  # fmt: skip
_REPLACEMENT = dict.fromkeys(_PHOTOGRAPHS, ".png")


@dataclass(frozen=True)
class WriteOptions:
    """How mattes are written.

    Attributes
    ----------
    output : "matte" (one channel of linear coverage), "rgba" (the plate's colour and the matte), or
        "beside" (all the plate's own channels, bit for bit, and the matte as one more; EXR only), or
        "unknown" (how unsure the network is of each pixel, 0..1, instead of the matte), "fg" (the
        person's own colour, straight, without the matte), or "comp" (the person over something else).
    premultiplied : for "rgba" alone; None follows the format (EXR premultiplied, the others straight).
    channel : the name of the matte's channel in an EXR: `A`, `matte.A`, `Y`, …; for "matte", "beside" and
        "unknown", since the matte of "rgba" is its alpha.
    depth : how a value is stored; None follows the format and the plate.
    compression : one of `COMPRESSIONS`, or one of `LEVELS` with a level ("zip:9", "dwaa:45"); None is "zip".
    crop : for "matte" in EXR: the data window is the smallest that holds all coverage of 0.001 or more.
    unknown : EXR: add the unknown region as a channel of its own, `unknown.A`.
    edge_colour : for colour that is written anew: "foreground" (the default; no old background at soft
        edges, see `flyaway.foreground`) or "plate". For "beside", "foreground" adds `fg.R`, `fg.G` and
        `fg.B`, straight, scene-linear in the plate's primaries.
    despill : takes the light of a green or blue screen off what is covered.
    despill_strength : 0..1.
    over : for "comp": a picture, a frame pattern, or a colour (`flyaway.frames.edges.parse_colour`).

    Raises
    ------
    UsageError : a word that is none of these.
    """

    output: Output = "matte"
    premultiplied: bool | None = None
    channel: str = ALPHA
    depth: Depth | None = None
    compression: str | None = None
    crop: bool = False
    unknown: bool = False
    edge_colour: EdgeColour | None = None
    despill: Screen | None = None
    despill_strength: float = 1.0
    over: MaybePathField = maybe_path_field()

    def __post_init__(self) -> None:
        """Refuse words that mean nothing, which would be taken for others, or fail each frame."""
        check_word(self.output, get_args(Output), "output")
        for name, words in (("depth", Depth), ("edge_colour", EdgeColour), ("despill", Screen)):
            if getattr(self, name) is not None:
                check_word(getattr(self, name), get_args(words), name)
        if not isinstance(self.channel, str):
            raise UsageError(f"channel is a channel's name, such as {ALPHA}, not {self.channel!r}.")
        object.__setattr__(self, "despill_strength", real(self.despill_strength, "despill_strength"))

    @property
    def added(self) -> int:
        """How many channels come on top of the output's own."""
        beside = self.output == "beside" and self.edge_colour == "foreground"
        return int(self.unknown) + (len(FOREGROUND) if beside else 0)


def channel_of(path: Path, options: WriteOptions) -> str:
    """The channel that a file is about, by its name; "" where it has none, or its format keeps no names."""
    if path.suffix.lower() != ".exr":
        return ""
    if options.output == "rgba":
        return ALPHA
    if options.output not in _NAMED:
        return ""
    # `A` is a matte's, so what is none has another name by default.
    return UNKNOWN if options.output == "unknown" and options.channel == ALPHA else options.channel


def check_options(path: Path, options: WriteOptions) -> None:
    """Refuse, before anything is matted, what a file of this name cannot hold.

    Raises
    ------
    UsageError : naming the option and what to take instead.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise WriteError(
            f"{path.suffix or 'a file without a suffix'} cannot hold a matte well; name .exr, .png or .tif.",
            path=path,
        )
    kind = ".tif" if suffix == ".tiff" else suffix
    if options.depth is not None and options.depth not in DEPTHS[kind]:
        raise UsageError(f"{path}: {kind} stores {', '.join(DEPTHS[kind])}, not {options.depth}.")
    if options.compression is not None:
        _check_compression(path, kind, options)
    _check_channel(path, options)
    if suffix != ".exr" and options.output == "beside":
        raise UsageError(f"{path}: only EXR holds a matte beside the plate's own channels; take rgba.")
    if options.unknown and (suffix != ".exr" or options.output == "unknown"):
        raise UsageError(f"{path}: only a matte in EXR has the unknown region beside it (--output unknown).")
    if options.unknown and options.channel == UNKNOWN:
        raise UsageError(f"{path}: {UNKNOWN} is the unknown region's channel; name the matte's otherwise.")
    if options.crop and (suffix != ".exr" or options.output != "matte"):
        raise UsageError(f"{path}: --crop is for mattes in EXR, which alone can say where they lie.")
    _check_colour(path, options)
    is_premultiplied(path, options)


def check_format(destination: str | Path, suffix: str | None) -> None:
    """Refuse a format (".exr", ".png", ".tif") that contradicts the name of a file or a pattern.

    Raises
    ------
    UsageError : naming both.
    """
    named = Path(destination).suffix.lower().replace(".tiff", ".tif")
    if suffix is not None and named in DEPTHS and named != suffix and not Path(destination).is_dir():
        raise UsageError(
            f"{destination}: the format {suffix.lstrip('.')} contradicts its name; leave one of the two out."
        )


def is_premultiplied(path: Path, options: WriteOptions) -> bool:
    """Whether colour written to `path` is multiplied by the matte; UsageError if its format cannot be."""
    suffix = path.suffix.lower()
    if options.output != "rgba":
        return False
    if options.premultiplied is None:
        return suffix == ".exr"
    if options.premultiplied and suffix == ".png":
        raise UsageError(
            f"{path}: PNG is straight by definition; take --straight, or EXR or TIFF for premultiplied."
        )
    return options.premultiplied


def _check_colour(path: Path, options: WriteOptions) -> None:
    """Refuse what colour is asked of an output that has none, and a comp over nothing."""
    coloured = options.output in COLOURED
    adds = options.output == "beside" and options.edge_colour == "foreground"
    if options.premultiplied is not None and options.output != "rgba":
        raise UsageError(
            f"{path}: --premultiplied and --straight are about the colour of --output rgba; {options.output}"
            " has no alpha to multiply by. Leave it out."
        )
    if options.edge_colour is not None and not (coloured or options.output == "beside"):
        raise UsageError(f"{path}: --edge-colour is about colour; add --output rgba, fg, comp or beside.")
    if options.output == "fg" and options.edge_colour == "plate":
        raise UsageError(f"{path}: --output fg is the person's own colour; the plate has the plate's.")
    if options.despill is not None and not (coloured or adds):
        raise UsageError(f"{path}: --despill is about colour; add --output rgba, fg or comp.")
    if not 0 <= options.despill_strength <= 1:
        raise UsageError(f"{path}: a despill strength lies between 0 and 1.")
    if options.despill is None and options.despill_strength != 1:
        raise UsageError(f"{path}: --despill-strength needs --despill green or blue.")
    if (options.over is not None) != (options.output == "comp"):
        raise UsageError(f"{path}: --output comp and --over FILE or COLOUR belong together.")


def is_lossy(compression: str) -> bool:
    """Whether a compression ("zip", "dwaa:45", …) may change values."""
    return compression.partition(":")[0] in LOSSY


def _check_compression(path: Path, kind: str, options: WriteOptions) -> None:
    name, colon, level = (options.compression or "").partition(":")
    if name not in COMPRESSIONS[kind]:
        # OpenImageIO takes any word, and writes zip.
        raise UsageError(
            f"{path}: {kind} has no compression {options.compression!r}; it has"
            f" {', '.join(COMPRESSIONS[kind])}."
        )
    most = LEVELS[kind].get(name)
    if colon and most is None:
        raise UsageError(f"{path}: {kind} has no levels of {name}; take {name} alone.")
    number = r"\d{1,6}(\.\d{1,6})?" if name.startswith("dwa") else r"\d{1,6}"
    if colon and not (re.fullmatch(number, level, re.ASCII) and 1 <= float(level) <= (most or 0)):
        whole = "a" if name.startswith("dwa") else "a whole"
        raise UsageError(
            f"{path}: {options.compression!r} is no level of {name}: take {whole} number from 1 to {most}."
        )
    if options.output == "beside" and name in LOSSY:
        raise UsageError(
            f"{path}: {name} is lossy, and the plate's channels must pass bit for bit; take zip or piz."
        )


def _check_channel(path: Path, options: WriteOptions) -> None:
    """Refuse a channel's name that cannot be one, and one for what has no channel to name."""
    _check_channel_name(options.channel)
    if options.channel == ALPHA:
        return
    if options.output not in _NAMED:
        has = "the matte of rgba is its alpha, A" if options.output == "rgba" else "it holds no matte"
        raise UsageError(
            f"{path}: --channel {options.channel} is for --output matte, beside and unknown ({has}); leave"
            " it out."
        )
    if path.suffix.lower() != ".exr":
        raise UsageError(
            f"{path}: only EXR keeps a channel's name; leave --channel {options.channel} out or name an .exr."
        )


def _check_channel_name(name: str) -> None:
    printable = all(character.isprintable() and character != " " for character in name)
    if not name or not printable or len(name.encode()) > LONGEST_NAME or name.startswith("."):
        raise UsageError(
            f"{name!r} is no channel name: take letters without spaces, such as A, Y or matte.A."
        )


def target_suffix(source_suffix: str) -> str:
    """The suffix of a matte for a plate with this one: the same where it holds a matte well."""
    suffix = source_suffix.lower()
    return source_suffix if suffix in WRITABLE else _REPLACEMENT.get(suffix, ".exr")
