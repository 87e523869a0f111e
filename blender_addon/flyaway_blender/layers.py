"""What lies on disk beside a node's mattes: the unknown region, and the person's colour where it was wanted.

Each has a folder of its own beside the mattes, so that a sequence there holds nothing else. They are the
network's, as the mattes are: no control changes them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import bpy
import numpy as np

from . import describe, engine, group, pixels
from .uses import Use

KINDS = ("colour", "unknown")


def path_of(place: Path, kind: str, frame: int) -> Path:
    """The file of a frame."""
    return place / kind / f"{kind}.{frame:04d}.exr"


def wants_colour(use: Use) -> bool:
    """Whether anything shows the person's own colour."""
    node = use.node
    if not group.has(use.tree, "colour"):
        return False
    if node.outputs["Foreground"].is_linked:
        return True
    edges = node.inputs[group.EDGES]
    moved = edges.is_linked or describe.is_animated(node, edges)
    return node.outputs["Image"].is_linked and (moved or edges.default_value > 0)


def wants_unknown(use: Use) -> bool:
    """Whether anything shows the unknown region."""
    return group.has(use.tree, "unknown") and use.node.outputs["Unknown"].is_linked


def write(place: Path, frame: int, found: engine.Found, scene: bpy.types.Scene) -> None:
    """Keep what was found, but for the matte."""
    for kind, save, values in (
        ("colour", pixels.save_colour, found.colour),
        ("unknown", pixels.save_matte, found.unknown),
    ):
        if values is not None:
            path = path_of(place, kind, frame)
            path.parent.mkdir(exist_ok=True)
            save(path, values, scene)


def read(place: Path, kind: str, frame: int) -> np.ndarray | None:
    """H×W float32 (unknown) or H×W×4 (colour) of a frame; None where it is not there."""
    path = path_of(place, kind, frame)
    if not path.is_file():
        return None
    values = pixels.read_file(path)
    return values if kind == "colour" else values[..., 0]


def show(use: Use, images: dict[str, bpy.types.Image], found: engine.Found) -> None:
    """Put what was found, but for the matte, where the compositor finds it; nothing that nobody looks at."""
    if wants_colour(use):
        nothing = np.zeros((*found.alpha.shape, 4), np.float32)
        pixels.write_colour(images["colour"], nothing if found.colour is None else found.colour)
    if wants_unknown(use):
        nothing = np.zeros(found.alpha.shape, np.float32)
        pixels.write_matte(images["unknown"], nothing if found.unknown is None else found.unknown)


def complete(place: Path, kind: str, frames: Iterable[int]) -> bool:
    """Whether a kind is there for all frames."""
    return all(path_of(place, kind, frame).is_file() for frame in frames)


def copy(place: Path, own: Path, frame: int) -> None:
    """Take a frame's along into another folder."""
    for kind in KINDS:
        source, target = path_of(place, kind, frame), path_of(own, kind, frame)
        if source.is_file():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)


def clear(place: Path) -> None:
    """Remove them all."""
    for kind in KINDS:
        shutil.rmtree(place / kind, ignore_errors=True)
