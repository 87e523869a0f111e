"""Which part and which channels of a file are the plate's colour and alpha."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import OpenImageIO as oiio

from flyaway.errors import ReadError

# No renderer writes more; a header that promises a million is an attack on whoever lists them.
MAX_CHANNELS = 4096
MAX_PARTS = 1024
_TRIOS = (("r", "g", "b"), ("red", "green", "blue"))
# What renderers call the picture itself, among layers that are steps on the way to it.
_BEAUTY = ("rgba", "rgb", "beauty", "combined", "main", "c", "color", "colour", "default")
# A layer that a stereo file is named after, where no plain one is there.
_LEFT_FIRST = ("left", "l", "main")


@dataclass(frozen=True)
class Channels:
    """Indices of a plate's colour and alpha among a part's channels.

    Attributes
    ----------
    colour : red, green, blue; the same index thrice for a grey plate.
    alpha : its alpha, or None.
    layer : the layer that they are of, as the file writes it; "" for the plain R, G, B.
    notes : what a user should know about the choice.
    """

    colour: tuple[int, int, int]
    alpha: int | None
    layer: str = ""
    notes: tuple[str, ...] = ()


def choose_part(
    source: oiio.ImageInput, wanted: str | None, path: Path, frame: int | None = None
) -> tuple[int, list[str]]:
    """The index of the part to read, and notes.

    Parameters
    ----------
    source : an open file.
    wanted : a part's number (from 0), name or view; None takes the first that holds colour.
    path : for messages.
    frame : for messages.

    Raises
    ------
    ReadError : there is no such part.
    """
    specs = subimages(source, path, frame)
    labels = [_label(spec, index) for index, spec in enumerate(specs)]
    if wanted is not None:
        return _named_part(wanted, specs, labels, path, frame), []
    if len(specs) == 1:
        return 0, []
    first = next((i for i, spec in enumerate(specs) if has_colour(spec) and not spec.deep), 0)
    others = ", ".join(label for index, label in enumerate(labels) if index != first)
    note = f"a file of several parts: {'the first' if first == 0 else labels[first]} was taken"
    return first, [f"{note} ({others}: name one with --part)"]


def has_colour(spec: oiio.ImageSpec) -> bool:
    """Whether a part has red, green and blue, or a grey channel, in any layer."""
    lower = [name.lower() for name in spec.channelnames]
    return bool(_layers(lower)) or "y" in lower


def choose_channels(
    names: Sequence[str], wanted: str | None, path: Path, frame: int | None = None, view: str = ""
) -> Channels:
    """Which channels are the colour.

    Parameters
    ----------
    names : all channels of the part.
    wanted : a layer's name; None takes the plain R, G, B, else the one that is usually the picture.
    path : for messages.
    frame : for messages.
    view : the default view of a stereo file.

    Raises
    ------
    ReadError : there is no colour, no such layer, or no telling which layer is meant.
    """
    lower = [name.lower() for name in names]
    layers = _layers(lower)
    if wanted is not None:
        return _named_layer(wanted, names, lower, layers, path, frame, view)
    if "" in layers:
        return _pick(lower, "", names, _other_views(layers, view))
    if {"ry", "by"} & set(lower):
        raise ReadError(
            "a luminance-chroma image (Y, RY, BY) stores no red, green and blue; convert it first.",
            path=path,
            frame=frame,
        )
    if "y" in lower:
        grey = lower.index("y")
        note = "a grey plate: its channel Y stands for all three"
        return Channels((grey, grey, grey), _alpha_of(lower, ""), notes=(note,))
    if not layers:
        raise ReadError(
            f"no red, green and blue among its channels ({_listed(names)}).", path=path, frame=frame
        )
    layer = _likeliest(layers)
    if layer is None:
        shown = _listed([_written(layer, names, lower) for layer in layers])
        raise ReadError(
            f"several layers hold colour and none is plainly the picture ({shown}); name one with --layer.",
            path=path,
            frame=frame,
        )
    written = _written(layer, names, lower)
    return _pick(lower, layer, names, (f"colour was taken from the layer {written!r}",))


def part_count(spec: oiio.ImageSpec) -> int:
    """How many parts a file holds, by its first header."""
    return int(spec.get("oiio:subimages", 1) or 1)


def subimages(source: oiio.ImageInput, path: Path, frame: int | None) -> list[oiio.ImageSpec]:
    """The header of each part."""
    count = part_count(source.spec(0))
    if count > MAX_PARTS:
        raise ReadError(f"{count} parts are more than a plate has ({MAX_PARTS}).", path=path, frame=frame)
    return [source.spec(index) for index in range(count)]


def _label(spec: oiio.ImageSpec, index: int) -> str:
    name = str(spec.get("oiio:subimagename", "") or spec.get("name", "") or "")
    return name or str(index)


def _named_part(
    wanted: str, specs: list[oiio.ImageSpec], labels: list[str], path: Path, frame: int | None
) -> int:
    if wanted.isdecimal() and int(wanted) < len(specs):
        return int(wanted)
    views = [str(spec.get("view", "") or "") for spec in specs]
    for candidates in (labels, views):
        matches = [i for i, label in enumerate(candidates) if label.lower() == wanted.lower()]
        if matches:
            return matches[0]
    hint = ""
    if any(name.lower().startswith(f"{wanted.lower()}.") for spec in specs for name in spec.channelnames):
        hint = f" Its channels have a layer of that name: --layer {wanted}."
    raise ReadError(f"there is no part {wanted!r}; it has {_listed(labels)}.{hint}", path=path, frame=frame)


def _layers(lower: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """Layers that hold colour (prefix with its dot, in lower case) and the names of their three channels."""
    have = set(lower)
    found: dict[str, tuple[str, str, str]] = {}
    for prefix in dict.fromkeys(["", *(name.rpartition(".")[0] + "." for name in lower if "." in name)]):
        for red, green, blue in _TRIOS:
            trio = (prefix + red, prefix + green, prefix + blue)
            if have.issuperset(trio):
                found.setdefault(prefix, trio)
    return found


def _likeliest(layers: dict[str, tuple[str, str, str]]) -> str | None:
    """The layer that is the picture itself, or None where a person has to say."""
    if len(layers) == 1:
        return next(iter(layers))
    for name in (*_BEAUTY, *_LEFT_FIRST):
        matches = [layer for layer in layers if layer[:-1].rpartition(".")[2] == name]
        if len(matches) == 1:
            return matches[0]
    return None


def _named_layer(
    wanted: str,
    names: Sequence[str],
    lower: list[str],
    layers: dict[str, tuple[str, str, str]],
    path: Path,
    frame: int | None,
    view: str,
) -> Channels:
    prefix = wanted.strip().rstrip(".").lower()
    # A stereo file's default view has no name in its channels.
    prefix = "" if prefix in ("", "rgb", "rgba", view.lower()) and "" in layers else prefix + "."
    if prefix in layers:
        return _pick(lower, prefix, names, ())
    if prefix[:-1] in lower:  # one channel, named in full
        grey = lower.index(prefix[:-1])
        return Channels((grey, grey, grey), None, notes=(f"its channel {names[grey]} stands for all three",))
    known = [_written(layer, names, lower) or "rgba" for layer in layers]
    near = difflib.get_close_matches(wanted, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ReadError(
        f"there is no layer {wanted!r} with red, green and blue; it has {_listed(known) or 'none'}.{hint}",
        path=path,
        frame=frame,
    )


def _pick(lower: list[str], layer: str, names: Sequence[str], notes: tuple[str, ...]) -> Channels:
    red, green, blue = (lower.index(name) for name in _layers(lower)[layer])
    alpha = _alpha_of(lower, layer)
    if alpha is None and layer:
        # Renderers write one alpha for the picture and its layers.
        alpha = _alpha_of(lower, "")
    return Channels((red, green, blue), alpha, _written(layer, names, lower), notes)


def _alpha_of(lower: list[str], layer: str) -> int | None:
    for name in (layer + "a", layer + "alpha"):
        if name in lower:
            return lower.index(name)
    return None


def _written(layer: str, names: Sequence[str], lower: Sequence[str]) -> str:
    """A layer's name as the file writes it, without its dot."""
    if not layer:
        return ""
    first = next(index for index, name in enumerate(lower) if name.startswith(layer))
    return names[first][: len(layer) - 1]


def _other_views(layers: dict[str, tuple[str, str, str]], view: str) -> tuple[str, ...]:
    others = [layer[:-1] for layer in layers if layer]
    if view and others:
        return (f"a stereo file: its view {view!r} was taken (--layer {others[0]} takes another)",)
    return ()


def _listed(names: Sequence[str], most: int = 12) -> str:
    """Names for a message: not a thousand of them, and none longer than a line."""
    shown = [name if len(name) <= 60 else name[:57] + "…" for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown) + more
