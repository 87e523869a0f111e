"""Mattes on disk: a folder of EXRs a node, which Blender plays back by itself, and a list of their origins.

The folder is beside the .blend (`//flyaway_mattes/<uid>/` unless the preferences say otherwise). `index.json`
(see `origins`) says for each frame what the matte was made from; a matte whose signature, size or time
differs is stale.
Frames that were never analysed, and the frames before the first and after the last, have empty mattes:
Blender without this add-on would show a neighbour's there, and nobody would notice.

A folder is of one .blend. A copy of that file (its next version, or one into which the node was appended)
plays from it, but what the copy analyses goes into a folder of its own: the older version goes on as it was.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import bpy
import numpy as np

from . import engine, group, layers, origins, pixels, prefs, retouch

_STEM = "matte"
STATES = "shot.*.npz"  # what frames of a shot left to the next ones
FINISHED = "finished"  # the folder, beside the raw mattes, of those that controls were worked on


class CacheError(RuntimeError):
    """Mattes cannot be kept; the message says why."""


def image_name(tree: bpy.types.NodeTree, kind: str = "matte") -> str:
    """The name of the image that plays a tree's mattes, or what is beside them."""
    return f"Flyaway {tree.flyaway.uid} cached" + ("" if kind == "matte" else f" {kind}")


def sequence(tree: bpy.types.NodeTree, kind: str = "matte") -> bpy.types.Image | None:
    """The image that plays them, or None where none were analysed."""
    image = bpy.data.images.get(image_name(tree, kind))
    if image is None:
        shown = group.matte_node(tree).image if kind == "matte" else tree.nodes[group.SHOWN[kind]].image
        image = shown if shown is not None and shown.source == "SEQUENCE" else None
    return image


def folder(tree: bpy.types.NodeTree, *, make: bool = False) -> Path:
    """Where a tree's mattes are: where its image says, else where new ones would go."""
    image = sequence(tree)
    if image is not None:
        place = Path(bpy.path.abspath(image.filepath, library=image.library)).parent
        return place.parent if place.name == FINISHED else place
    wanted = prefs.cache_folder()
    if wanted.startswith("//") and not bpy.data.filepath:
        if make:
            raise CacheError("Save the file first: mattes are kept beside it.")
        return Path(bpy.app.tempdir) / "flyaway-nowhere"
    path = Path(bpy.path.abspath(wanted)) / tree.flyaway.uid
    if make:
        path.mkdir(parents=True, exist_ok=True)
    return path


def matte_path(place: Path, frame: int) -> Path:
    """The file of a frame."""
    return place / f"{_STEM}.{frame:04d}.exr"


def made_of(tree: bpy.types.NodeTree, frame: int) -> str:
    """What the matte of a frame on disk was made of (see `shots`); "" where it is not whole."""
    place = folder(tree)
    known = origins.load(place).frames.get(frame)
    if known is None:
        return ""
    try:
        whole = matte_path(place, frame).stat().st_size == known[1]
    except OSError:
        return ""
    return known[0] if whole and layers.path_of(place, "unknown", frame).is_file() else ""


def claim(tree: bpy.types.NodeTree) -> None:
    """Before mattes are written: see that their folder is there, and no other file's."""
    _refuse_linked(tree)
    place = folder(tree, make=True)
    index = origins.load(place)
    if index.owner in ("", _owner(place)):
        index.owner = _owner(place)
        origins.save(place, index)
        return
    _leave(tree)
    own = folder(tree, make=True)
    for frame in (*index.frames, *index.empty):
        if matte_path(place, frame).is_file():
            # Not its mode bits, which a network share may not have.
            shutil.copyfile(matte_path(place, frame), matte_path(own, frame))
            layers.copy(place, own, frame)
    for state in place.glob(STATES):
        shutil.copyfile(state, own / state.name)
    there = origins.Index(dict(index.frames), set(index.empty), dict(index.where), unseen=dict(index.unseen))
    there.owner = _owner(own)
    origins.save(own, there)


def _owner(place: Path) -> str:
    try:
        return Path(os.path.relpath(bpy.data.filepath, place)).as_posix() if bpy.data.filepath else ""
    except ValueError:  # another drive
        return bpy.data.filepath


def _refuse_linked(tree: bpy.types.NodeTree) -> None:
    if tree.library is not None:
        path = bpy.path.abspath(tree.library.filepath)
        raise CacheError(f"This matte is linked from {path}: analyse it there, or make it local.")


def _leave(tree: bpy.types.NodeTree) -> None:
    """Leave the folder of mattes to the file that it is of."""
    images = _sequences(tree)
    group.renew(tree)
    _remove_unused(images)


def _sequences(tree: bpy.types.NodeTree) -> list[bpy.types.Image]:
    found = [sequence(tree, kind) for kind in group.SHOWN if group.has(tree, kind)]
    return [image for image in found if image is not None]


def _remove_unused(images: list[bpy.types.Image]) -> None:
    for image in images:
        if image.library is None and image.users == 0:
            bpy.data.images.remove(image)


def store(
    tree: bpy.types.NodeTree, frame: int, found: engine.Found, signature: str, scene: bpy.types.Scene
) -> None:
    """Write what was found in a frame. `scene` is one whose output settings may be changed."""
    if frame < 0:
        raise CacheError(f"frame {frame} cannot be kept: Blender's sequences begin at 0")
    place = folder(tree, make=True)
    place.mkdir(parents=True, exist_ok=True)
    path = matte_path(place, frame)
    pixels.save_matte(path, found.alpha, scene)
    # A colour that is not made anew is of another matte.
    layers.path_of(place, "colour", frame).unlink(missing_ok=True)
    layers.write(place, frame, found, scene)
    index = origins.load(place)
    index.frames[frame] = (signature, path.stat().st_size)
    index.empty.discard(frame)
    origins.save(place, index)


def finish(tree: bpy.types.NodeTree, size: tuple[int, int], scene: bpy.types.Scene) -> None:
    """Fill the gaps with empty mattes, and have Blender play the folder."""
    place = folder(tree)
    index = origins.load(place)
    if not index.frames:
        return
    first, last = max(0, min(index.frames) - 1), max(index.frames) + 1
    nothing = engine.Found(*(np.zeros(shape, np.float32) for shape in (size, size, (*size, 4))))
    for frame in range(first, last + 1):
        if frame not in index.frames and not (frame in index.empty and _is_kept(place, frame)):
            pixels.save_matte(matte_path(place, frame), nothing.alpha, scene)
            layers.write(place, frame, nothing, scene)
            index.empty.add(frame)
    origins.save(place, index)
    if retouch.is_worked(tree):
        retouch.update(tree, scene)
    play(tree)


def play(tree: bpy.types.NodeTree) -> None:
    """Have the tree take its matte from disk."""
    place = folder(tree)
    index = origins.load(place)
    frames = sorted([*index.frames, *index.empty])
    # What controls were worked on, where all of it is there; a render with this add-on makes its own.
    worked = retouch.is_worked(tree) and all(matte_path(place / FINISHED, one).is_file() for one in frames)
    shown = {"matte": matte_path(place / FINISHED if worked else place, frames[0])}
    for kind in layers.KINDS:
        if not group.has(tree, kind):
            continue
        if layers.complete(place, kind, frames):
            shown[kind] = layers.path_of(place, kind, frames[0])
        else:  # in part it would show nothing here and there: the plate's colour everywhere is better
            tree.nodes[group.SHOWN[kind]].image = group.live_image(tree, kind)
    for kind, path in shown.items():
        _play(tree, kind, path, frames)
    settings = tree.flyaway
    span = (min(index.frames), max(index.frames))
    if (settings.first, settings.last) != span:
        settings.first, settings.last = span


def _play(tree: bpy.types.NodeTree, kind: str, path: Path, frames: list[int]) -> None:
    """Have one of a tree's Image nodes play a sequence."""
    image = sequence(tree, kind)
    if image is not None and Path(bpy.path.abspath(image.filepath, library=image.library)) != path:
        relative = image.filepath.startswith("//")
        image.filepath = bpy.path.relpath(str(path)) if relative else str(path)
    if image is None:
        image = bpy.data.images.load(str(path))
        image.name = image_name(tree, kind)
        image.source = "SEQUENCE"
        image.colorspace_settings.name = "Non-Color"
        if kind == "colour":
            image.alpha_mode = "CHANNEL_PACKED"
        if bpy.data.filepath and prefs.cache_folder().startswith("//"):
            image.filepath = bpy.path.relpath(image.filepath)
    node = tree.nodes[group.SHOWN[kind]]
    if node.image != image:
        node.image = image
    # After the image: Blender resets these where another one is set.
    wanted = {"frame_start": frames[0], "frame_offset": frames[0] - 1, "frame_duration": len(frames)}
    wanted |= {"use_auto_refresh": True, "use_cyclic": False}
    for name, value in wanted.items():
        if getattr(node, name) != value:
            setattr(node, name, value)


def playing(tree: bpy.types.NodeTree) -> bool:
    """Whether the tree takes its matte from disk."""
    image = group.matte_node(tree).image
    return image is not None and image.source == "SEQUENCE"


def clear(tree: bpy.types.NodeTree) -> int:
    """Remove a tree's mattes from disk and take the next ones from memory; how many there were."""
    _refuse_linked(tree)
    place = folder(tree)
    index = origins.load(place)
    if index.owner not in ("", _owner(place)):
        _leave(tree)
        return 0
    for frame in (*index.frames, *index.empty):
        matte_path(place, frame).unlink(missing_ok=True)
    shutil.rmtree(place / FINISHED, ignore_errors=True)
    layers.clear(place)
    for state in place.glob(STATES):
        state.unlink(missing_ok=True)
    (place / origins.INDEX).unlink(missing_ok=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    origins.forget(place)
    images = _sequences(tree)
    group.use_live(tree)
    _remove_unused(images)
    tree.flyaway.first, tree.flyaway.last = 0, -1
    return len(index.frames)


def refresh(tree: bpy.types.NodeTree) -> None:
    """Have Blender read again what was written anew."""
    for image in _sequences(tree):
        image.reload()


def _is_kept(place: Path, frame: int) -> bool:
    """Whether a frame of which nothing was found has all its files."""
    return matte_path(place, frame).is_file() and all(
        layers.complete(place, kind, [frame]) for kind in layers.KINDS
    )
