"""What happens to files and nodes: saved, opened elsewhere, undone, copied, appended, linked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import graphs
import numpy as np

OURS = ("is_matte", "uid", "model", "refine")


def render_to(path: str) -> np.ndarray:
    """Render the scene at hand as a still; H×W×4 float32, row 0 at the bottom."""
    graphs.write_exr(path)
    bpy.ops.render.render(write_still=True)
    return read(path)


def read(path: str) -> np.ndarray:
    """A rendered file: H×W×4 float32, row 0 at the bottom."""
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = "Non-Color"
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    result = values.reshape(image.size[1], image.size[0], 4)
    bpy.data.images.remove(image)
    return result


def trees() -> list[bpy.types.NodeTree]:
    """All compositing trees of the file."""
    found = [tree for tree in bpy.data.node_groups if tree.bl_idname == "CompositorNodeTree"]
    if graphs.OLD:
        found += [scene.node_tree for scene in bpy.data.scenes if scene.node_tree is not None]
    return found


def kinds() -> list[str]:
    """The types of all compositing nodes of the file."""
    return sorted({node.bl_idname for tree in trees() for node in tree.nodes})


def matte_trees() -> list[bpy.types.NodeTree]:
    """The trees of Portrait Mattes."""
    return [tree for tree in bpy.data.node_groups if getattr(tree, "flyaway", None) and tree.flyaway.is_matte]


def build(plate: str, size: list[int], blend: str, frames: list[int] | None = None) -> dict[str, object]:
    """The simplest graph, rendered and saved."""
    graphs.matte_of(plate, *size, tuple(frames) if frames else None)
    graphs.write_exr(str(Path(blend).with_name("render.####.exr")))
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    return {"kinds": kinds(), "uids": [tree.flyaway.uid for tree in matte_trees()]}


def edit_of(blend: str, to: str, offset: int) -> dict[str, object]:
    """A scene whose sequencer shows the file's own scene, `offset` frames later."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    shot = bpy.context.scene
    edit = bpy.data.scenes.new("Edit")
    bpy.context.window.scene = edit
    edit.render.resolution_x, edit.render.resolution_y = shot.render.resolution_x, shot.render.resolution_y
    edit.render.film_transparent, edit.view_settings.view_transform = True, "Standard"
    editor = edit.sequence_editor_create()
    strips = graphs.strips_of(editor)
    strips.new_scene("shot", shot, 1, shot.frame_start + offset).blend_type = "ALPHA_OVER"
    graphs.write_exr(str(Path(to).with_name("edit.####.exr")))
    bpy.ops.wm.save_as_mainfile(filepath=to)
    return {}


def open_and_render(blend: str, out: str) -> dict[str, object]:
    """Open a file, say what is in it, and render it."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    scenes = [scene.name for scene in bpy.data.scenes]
    alpha = render_to(out)[..., 3]
    report = sys.modules.get("bl_ext.user_default.flyaway.report")
    return {
        "kinds": kinds(),
        "groups": [tree.name for tree in bpy.data.node_groups],
        "settings": [{name: getattr(tree.flyaway, name) for name in OURS} for tree in matte_trees()],
        "scenes": scenes,
        "alpha": float(alpha.mean()),
        "failures": [vars(failure) for failure in report.failures()] if report else [],
    }


def open_and_save(blend: str, to: str) -> dict[str, object]:
    """Open a file and save it under another name."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    bpy.ops.wm.save_as_mainfile(filepath=to)
    return {"kinds": kinds()}


def edits(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """What a user does to a node between two renders."""
    matte = graphs.matte_of(plate, *size)
    tree = matte.id_data
    facts: dict[str, object] = {"before": float(render_to(f"{folder}/before.exr")[..., 3].mean())}
    bpy.ops.ed.undo_push(message="built")
    graphs.add_matte(tree)
    bpy.ops.ed.undo_push(message="added")
    bpy.ops.ed.undo()
    facts["undone"] = len(matte_trees())
    facts["after undo"] = float(render_to(f"{folder}/undone.exr")[..., 3].mean())
    bpy.ops.ed.redo()
    facts["redone"] = len(matte_trees())
    facts["after redo"] = float(render_to(f"{folder}/redone.exr")[..., 3].mean())
    with editor() as tree:
        for node in tree.nodes:
            node.select = bool(getattr(node, "node_tree", None))
        bpy.ops.node.clipboard_copy()
        bpy.ops.node.clipboard_paste(offset=(20, 20))
        bpy.ops.node.duplicate()
    facts["after copies"] = float(render_to(f"{folder}/copies.exr")[..., 3].mean())
    copies = [node.node_tree for node in tree.nodes if getattr(node, "node_tree", None)]
    facts["copies"] = [copy.flyaway.uid for copy in copies]
    return facts


@contextmanager
def editor() -> Iterator[bpy.types.NodeTree]:
    """The compositor in an editor, which some operators want; gives its tree."""
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "NODE_EDITOR"
    area.ui_type = "CompositorNodeTree"
    space = area.spaces.active
    scene = bpy.context.scene
    if space.node_tree is None:
        space.node_tree = scene.node_tree if graphs.OLD else scene.compositing_node_group
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, space_data=space):
        yield space.edit_tree or space.node_tree


def append(blend: str, plate: str, size: list[int], out: str) -> dict[str, object]:
    """Append the matte of another file, twice, and put both to use beside one of our own."""
    own = graphs.matte_of(plate, *size)
    tree = own.id_data
    first = own
    for _ in range(2):
        with bpy.data.libraries.load(blend) as (there, here):
            here.node_groups = [name for name in there.node_groups if name.startswith("Portrait Matte")]
        node = tree.nodes.new("CompositorNodeGroup")
        node.node_tree = here.node_groups[0]
        tree.links.new(first.outputs["Image"], node.inputs["Image"])
        first = node
    tree.links.new(first.outputs["Image"], graphs.output(tree))
    alpha = render_to(out)[..., 3]
    report = sys.modules["bl_ext.user_default.flyaway.report"]
    uids = [node.node_tree.flyaway.uid for node in tree.nodes if getattr(node, "node_tree", None)]
    return {
        "uids": uids,
        "alpha": float(alpha.mean()),
        "failures": [vars(failure) for failure in report.failures()],
    }


def link_scene(blend: str, out: str) -> dict[str, object]:
    """Render a scene that is linked from another file."""
    with bpy.data.libraries.load(blend, link=True) as (there, here):
        here.scenes = there.scenes[:1]
    scene = here.scenes[0]
    bpy.context.window.scene = scene
    assert scene.library is not None
    alpha = render_to(out)[..., 3]
    report = sys.modules["bl_ext.user_default.flyaway.report"]
    return {"alpha": float(alpha.mean()), "records": [[one.status, one.message] for one in report.records]}


def analyse_what_is_linked(blend: str, plate: str, size: list[int], to: str) -> dict[str, object]:
    """A matte linked from a library, at work on another plate: what the operators say to it."""
    with bpy.data.libraries.load(blend, link=True) as (there, here):
        here.node_groups = [name for name in there.node_groups if name.startswith("Portrait Matte")]
    tree = graphs.empty_scene(*size)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = here.node_groups[0]
    tree.links.new(graphs.add_image(tree, plate).outputs["Image"], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], graphs.output(tree))
    tree.nodes.active = node
    bpy.ops.wm.save_as_mainfile(filepath=to)
    facts: dict[str, object] = {}
    for name in ("analyse_frame", "clear_cache"):
        try:
            getattr(bpy.ops.flyaway, name)()
        except RuntimeError as error:
            facts[name] = str(error)
    return facts


def autosave_after_render(plate: str, size: list[int], blend: str) -> dict[str, object]:
    """Blender's autosave calls no handler: what is in memory is what is written."""
    graphs.matte_of(plate, *size)
    graphs.write_exr(str(Path(blend).with_suffix(".####.exr")))
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 2
    bpy.ops.render.render(animation=True)
    bpy.app.handlers.save_pre.clear()
    bpy.app.handlers.save_post.clear()
    bpy.ops.wm.save_as_mainfile(filepath=blend, copy=True)
    return {"kinds": kinds()}


def analyse(blend: str, frames: list[int]) -> dict[str, object]:
    """Open a file, analyse a range of it, save it."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = frames
    bpy.ops.flyaway.analyse_range(everything=True)
    bpy.ops.wm.save_mainfile()
    return {"cache": sorted(path.name for path in _mattes(blend))}


def renames(blend: str, frames: list[int], elsewhere: str) -> dict[str, object]:
    """What became of each matte after node, group, file and folder were given other names, and of copies."""
    analyse(blend, frames)
    report = sys.modules["bl_ext.user_default.flyaway.report"]
    facts: dict[str, object] = {}

    def became(name: str) -> None:
        graphs.write_exr(str(Path(blend).with_name(f"{name}.####.exr")))
        bpy.ops.render.render(animation=True)
        facts[name] = [entry.status for entry in report.records]

    became("cached")
    (tree,) = matte_trees()
    node = next(node for one in trees() for node in one.nodes if getattr(node, "node_tree", None) == tree)
    node.name, node.label, tree.name = "Hair", "Hair", "Hair and all"
    became("node and group renamed")
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(blend).with_name("renamed.blend")))
    became("file renamed")
    bpy.ops.wm.open_mainfile(filepath=str(Path(blend).with_name("renamed.blend")))
    became("opened again")
    bpy.ops.ed.undo_push(message="before")
    bpy.context.scene.render.film_transparent = True
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    became("undone")
    Path(elsewhere).mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=f"{elsewhere}/other.blend")
    became("saved in another folder")
    bpy.ops.scene.new(type="FULL_COPY")
    became("scene copied")
    facts["uids"] = sorted(tree.flyaway.uid for tree in matte_trees())
    return facts


def next_version(blend: str, plate: str, frames: list[int]) -> dict[str, object]:
    """The file saved under another name beside it, another plate in it, analysed, then cleared."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(blend).with_name("next.blend")))
    (tree,) = matte_trees()
    facts: dict[str, object] = {"uids": [tree.flyaway.uid]}
    report = sys.modules["bl_ext.user_default.flyaway.report"]
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = frames

    def analyse_as(name: str) -> None:
        bpy.ops.flyaway.analyse_range(everything=True)
        facts[name] = [entry.status for entry in report.records]

    analyse_as("as it was")
    for image in bpy.data.images:
        if Path(image.filepath).name == Path(plate).name:
            image.source, image.filepath = "FILE", plate
    analyse_as("another plate")
    facts["uids"] += [tree.flyaway.uid]
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(blend).with_name("third.blend")))
    bpy.ops.flyaway.clear_cache(everything=True)
    facts["uids"] += [tree.flyaway.uid]
    facts["kept"] = sorted(str(path.relative_to(Path(blend).parent)) for path in _mattes(blend))
    return facts


def _mattes(blend: str) -> list[Path]:
    return list(Path(blend).parent.rglob("matte.*.exr"))
