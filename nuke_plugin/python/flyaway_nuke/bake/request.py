"""From a bake node's knobs to all that a bake needs."""

from __future__ import annotations

from typing import cast

import nuke

from . import host
from .cache import Cache
from .colour import file_space, in_working_space
from .errors import PlateError
from .finish import colour_of, output_of, words_of
from .job import Request, Settings
from .knobs import full_size, value
from .owner import bake_id
from .paths import file_of
from .plate import PlateFiles, own_files, wanted_frames
from .render import render_plate, rendered_space
from .upstream import first_that_counts


def make_request(node: nuke.Node) -> Request:
    """All that a bake needs, from the node's knobs; renders the plate where nodes lie between.

    Raises
    ------
    BakeError : something is missing or means nothing.
    """
    with full_size():
        return _make(node)


def _make(node: nuke.Node) -> Request:
    frames = wanted_frames(node)
    root = host.bakes_root(file_of(node["folder"]))
    named = str(node["in_space"].value()).strip()
    alpha = str(value(node, "alpha_in", "auto"))
    own, why = _own_files(node, frames, named)
    if own is None:
        nuke.tprint(f"Flyaway: rendering the plate, since {why}")
        own = _render(node, frames, named, alpha, why)
        # An alpha that was not rendered is nothing to be told about.
        alpha = alpha if alpha == "premultiplied" else "auto"
    settings = Settings(
        str(node["model"].value()),
        own.space,
        bool(node["coarse_only"].value()),
        alpha,
        words_of(node, own, frames),
        output_of(node),
        colour_of(node),
        bool(value(node, "stills", False)),
        float(value(node, "steadiness", 1.0)),
    )
    wanted = () if own.still else tuple(frames)
    title = _title(own)
    folder = Cache(root).folder(title, own.source, wanted, settings)
    device = str(node["device"].value())
    return Request(title, own.source, wanted, folder, settings, device, bake_id(node), own.ocio)


def _own_files(node: nuke.Node, frames: list[int], named: str) -> tuple[PlateFiles | None, str]:
    if not node["own_files"].value():
        return None, "the node is not to read the plate's own files"
    own, why = own_files(node, frames, named)
    if own is not None and output_of(node) in ("rgba", "fg") and not in_working_space(own.space):
        return None, f"colour is written as the script has it, and the plate's is {own.space}"
    return own, why


def _render(node: nuke.Node, frames: list[int], named: str, alpha: str, why: str) -> PlateFiles:
    read = first_that_counts(node)
    files = file_space(read) if read is not None and read.Class() == "Read" else None
    space = rendered_space(named, files, why)
    with_alpha = alpha == "premultiplied"
    top = node.input(0)
    if with_alpha and top is not None and "rgba.alpha" not in top.channels():
        raise PlateError("plate's alpha is premultiplied, and the plate has no alpha: set it to auto.")
    root = host.bakes_root(file_of(node["folder"]))
    return render_plate(node, frames, root, space, alpha=with_alpha)


def chunk_of(node: nuke.Node) -> int:
    """How many frames a task of the farm takes."""
    return int(cast("nuke.Array_Knob", node["chunk"]).value())


def _title(plate: PlateFiles) -> str:
    stem = plate.source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    bare = stem.replace("%04d", "").replace("#", "").rstrip("._- ")
    return bare if bare and bare != "plate" else plate.title
