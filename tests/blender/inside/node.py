"""What the node does: settings, company, caches, failures, geometry. Facts, judged outside."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import graphs
import numpy as np

import files

REPORT = "bl_ext.user_default.flyaway.report"


def render(folder: str, name: str) -> np.ndarray:
    """The scene at hand as it renders: H×W×4 float32, row 0 at the bottom."""
    return files.render_to(f"{folder}/{name}.exr")


def records() -> list[list[object]]:
    """What became of each matte of the last render."""
    return [[entry.node, entry.frame, entry.status, entry.message] for entry in sys.modules[REPORT].records]


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference."""
    return float(np.abs(a - b).max())


def image_of(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """The plate's node."""
    return next(node for node in tree.nodes if node.bl_idname == "CompositorNodeImage")


def settings(plate: str, size: list[int], folder: str) -> dict[str, float]:
    """Each setting against the arithmetic that its name promises."""
    node = graphs.matte_of(plate, *size)
    node.inputs["Edge Colour"].default_value = 0.0  # the person's own has tests of its own: test_colour.py
    base = render(folder, "base")
    matte, colour = base[..., 3], base[..., :3]
    node.inputs["Strength"].default_value = 0.0
    source = render(folder, "source")[..., :3]
    node.inputs["Strength"].default_value = 1.0
    facts = {"premultiplied": apart(colour, source * matte[..., None])}
    expected = {
        ("Invert", 1.0): 1 - matte,
        ("Core Matte", 0.6): np.maximum(matte, 0.6),
        ("Garbage Matte", 0.3): matte * 0.7,
        ("Black Point", 0.2): np.clip((matte - 0.2) / 0.8, 0, 1),
        ("White Point", 0.5): np.clip(matte / 0.5, 0, 1),
        ("Gamma", 2.0): matte**0.5,
        ("Strength", 0.5): matte * 0.5 + 0.5,
    }
    for (name, value), wanted in expected.items():
        before = node.inputs[name].default_value
        node.inputs[name].default_value = value
        facts[name] = apart(render(folder, "set")[..., 3], wanted)
        node.inputs[name].default_value = before
    facts |= _worked(node, matte, folder)
    tree = node.id_data
    tree.links.new(node.outputs["Matte"], graphs.output(tree))
    facts["Matte"] = apart(render(folder, "matte")[..., 0], matte)
    return facts


def _worked(node: bpy.types.Node, matte: np.ndarray, folder: str) -> dict[str, float]:
    """What the core works before the node's own nodes: the core's result, and levels in it."""
    from flyaway.controls import Controls, apply

    own = node.node_tree.flyaway
    facts = {}
    for name, controls, levels in (
        ("Grow", {"grow": -0.5}, {}),
        ("Soften", {"soften": 1.5}, {}),
        ("Fill Holes", {"fill_holes": 9.0}, {}),
        ("all", {"grow": 1.25, "soften": 0.75, "fill_holes": 9.0}, {"Black Point": 0.1, "Gamma": 1.5}),
    ):
        for key, value in controls.items():
            setattr(own, key, value)
        for key, value in levels.items():
            node.inputs[key].default_value = value
        more = {"black": 0.1, "gamma": 1.5} if levels else {}
        # Images of Blender begin at the bottom, mattes of the core at the top.
        wanted = apply(np.ascontiguousarray(matte[::-1]), Controls(**controls, **more))[::-1]
        found = render(folder, "worked")[..., 3]
        facts[name] = apart(found, wanted)
        assert apart(found, matte) > 0.01, name
        for key in controls:
            setattr(own, key, 0.0)
        node.inputs["Black Point"].default_value, node.inputs["Gamma"].default_value = 0.0, 1.0
    facts["and back"] = apart(render(folder, "back")[..., 3], matte)
    return facts


def several(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Nodes behind nodes, in groups, muted, in one group used twice."""
    first = graphs.matte_of(plate, *size)
    tree = first.id_data
    facts: dict[str, object] = {}
    base = render(folder, "base")
    second = graphs.add_matte(tree)
    tree.links.new(first.outputs["Image"], second.inputs["Image"])
    tree.links.new(second.outputs["Image"], graphs.output(tree))
    render(folder, "behind")
    facts["behind"] = records()
    second.mute = True
    facts["muted"] = apart(render(folder, "muted"), base)
    facts["muted records"] = records()
    tree.nodes.remove(second)
    inner = bpy.data.node_groups.new("Inner", "CompositorNodeTree")
    for in_out in ("INPUT", "OUTPUT"):
        inner.interface.new_socket("Image", in_out=in_out, socket_type="NodeSocketColor")
    entry, leave = inner.nodes.new("NodeGroupInput"), inner.nodes.new("NodeGroupOutput")
    hidden = inner.nodes.new("CompositorNodeGroup")
    hidden.node_tree = first.node_tree
    inner.links.new(entry.outputs[0], hidden.inputs["Image"])
    inner.links.new(hidden.outputs["Image"], leave.inputs[0])
    outer = tree.nodes.new("CompositorNodeGroup")
    outer.node_tree = inner
    tree.nodes.remove(first)
    tree.links.new(image_of(tree).outputs[0], outer.inputs[0])
    tree.links.new(outer.outputs[0], graphs.output(tree))
    facts["grouped"] = apart(render(folder, "grouped"), base)
    facts["grouped records"] = records()
    twice = tree.nodes.new("CompositorNodeGroup")
    twice.node_tree = inner
    tree.links.new(outer.outputs[0], twice.inputs[0])
    tree.links.new(twice.outputs[0], graphs.output(tree))
    render(folder, "twice")
    facts["twice"] = records()
    return facts


def failing(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Nothing plugged in: what the render, the node, the report and a farm's operator say."""
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    good = float(render(folder, "good")[..., 3].mean())
    node.node_tree.flyaway.model = "none such"
    bad = render(folder, "bad")
    facts = {"good": good, "bad": float(bad[..., 3].max()), "records": records(), "label": node.label}
    try:
        bpy.ops.flyaway.render_frames(frames="1-2")
    except RuntimeError as error:
        facts["operator"] = str(error)
    node.node_tree.flyaway.model = "fast"
    tree.links.remove(node.inputs["Image"].links[0])
    render(folder, "unplugged")
    facts["unplugged"] = records()
    return facts


def geometry(plate: str, size: list[int], folder: str) -> dict[str, float]:
    """The same plate on other canvases and moved: the largest difference from where it belongs."""
    width, height = size
    node = graphs.matte_of(plate, width, height)
    tree, scene = node.id_data, bpy.context.scene
    base = render(folder, "base")
    facts = {}
    for name, (w, h) in {"larger": (width + 80, height + 60), "smaller": (width - 80, height - 60)}.items():
        scene.render.resolution_x, scene.render.resolution_y = w, h
        got, x, y = render(folder, name), abs(w - width) // 2, abs(h - height) // 2
        if name == "larger":
            facts[name] = apart(got[y : y + height, x : x + width], base)
        else:
            facts[name] = apart(got, base[y : y + h, x : x + w])
    scene.render.resolution_x, scene.render.resolution_y = 2 * width, 2 * height
    scene.render.resolution_percentage = 50
    facts["percentage"] = apart(render(folder, "percentage"), base)
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = 2.0
    scene.render.resolution_x, scene.render.resolution_y = width, height
    facts["beside its aspect"] = apart(render(folder, "aspect"), base)
    scene.render.pixel_aspect_x = 1.0
    move = tree.nodes.new("CompositorNodeTranslate")
    move.inputs["X"].default_value, move.inputs["Y"].default_value = 30.0, -20.0
    tree.links.new(image_of(tree).outputs[0], move.inputs["Image"])
    tree.links.new(move.outputs[0], node.inputs["Image"])
    scene.render.resolution_x, scene.render.resolution_y = width + 100, height + 100
    facts["moved"] = apart(render(folder, "moved")[30 : 30 + height, 80 : 80 + width], base)
    return facts


def working_space(plate: str, size: list[int], folder: str, space: str) -> dict[str, object]:
    """A plate matted in a working space, which 5.0 and later let one choose before anything is rendered."""
    if not graphs.OLD:
        bpy.ops.wm.set_working_color_space(working_space=space)
    graphs.matte_of(plate, *size)
    render(folder, space)
    return {"space": space if graphs.OLD else bpy.data.colorspace.working_space}


def clip_and_strip(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """From the Movie Clip editor, and for a strip of the sequencer."""
    graphs.matte_of(plate, *size)
    base = render(folder, "base")
    clip = bpy.data.movieclips.load(plate)
    bpy.ops.flyaway.setup_from_clip(clip=clip.name)
    facts: dict[str, object] = {"clip": apart(render(folder, "clip"), base)}
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/strip.blend")
    scene = bpy.data.scenes.new("Edit")
    bpy.context.window.scene = scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.frame_end, scene.view_settings.view_transform = 1, "Standard"
    scene.render.film_transparent = True
    editor = scene.sequence_editor_create()
    strips = graphs.strips_of(editor)
    editor.active_strip = strips.new_image("plate", plate, 1, 1)
    bpy.ops.flyaway.matte_strip()
    facts["strip"] = apart(render(folder, "strip")[..., 3], base[..., 3])
    return facts


def preferences(plate: str, size: list[int], weights: str, folder: str) -> dict[str, object]:
    """Devices, threads, another model, another cache folder; what is analysed and goes stale by them."""
    import onnxruntime

    import flyaway

    node = graphs.matte_of(plate, *size)
    ours = bpy.context.preferences.addons["bl_ext.user_default.flyaway"].preferences
    facts: dict[str, object] = {"providers": onnxruntime.get_available_providers(), "set": [], "refused": []}
    for device in ("auto", "cpu", "cuda", "coreml"):
        try:
            ours.device = device
            facts["set"].append(device)
        except TypeError:
            facts["refused"].append(device)
    ours.device, ours.threads, ours.cache = "cpu", 1, f"{folder}/elsewhere"
    base = render(folder, "base")
    facts["live"] = records()
    opened = sys.modules["bl_ext.user_default.flyaway.engine"]._open
    facts["choices"] = [[choice.device, choice.threads] for choice in opened]
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/prefs.blend")
    id_tree = node.id_data
    id_tree.nodes.active = node
    bpy.ops.flyaway.analyse_frame()
    facts["kept"] = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("matte.*.exr"))

    def again(name: str) -> str:
        values = render(folder, name)
        facts[f"{name} apart"] = apart(values[..., 3], base[..., 3])
        return str(records()[0][2])

    facts["cached"] = again("cached")
    ours.weights = weights
    facts["same model"] = again("same")
    node.node_tree.flyaway.model = "other"
    facts["other model"] = again("other")
    node.node_tree.flyaway.model = "fast"
    facts["back"] = again("back")
    version, flyaway.__version__ = flyaway.__version__, "999"
    facts["other core"] = again("core")
    flyaway.__version__ = version
    facts["core again"] = again("version")
    return facts


def quitting(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """After a render in a window: nothing to be asked about, nothing lost, and files as they were."""
    graphs.matte_of(plate, *size)
    base = render(folder, "base")
    facts: dict[str, object] = {"asked before": [image.name for image in bpy.data.images if image.is_dirty]}
    sys.modules["bl_ext.user_default.flyaway.handlers"]._wind_up()
    facts["asked"] = [image.name for image in bpy.data.images if image.is_dirty]
    kept = [bpy.data.images[name] for name in facts["asked before"]]
    facts["means"] = [float(np.mean(image.pixels[:])) for image in kept]
    facts["again"] = apart(render(folder, "again"), base)
    sys.modules["bl_ext.user_default.flyaway.handlers"]._wind_up()
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return facts


def strip_modifier(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """5.0's Compositor modifier: with Blender's own nodes, and with a Portrait Matte."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.view_settings.view_transform = "Standard"
    bpy.context.workspace.sequencer_scene = scene
    strip = scene.sequence_editor_create().strips.new_image("plate", plate, 1, 1)
    facts: dict[str, object] = {"plain": float(render(folder, "plain")[..., :3].mean())}
    modifier = strip.modifiers.new("Compositor", "COMPOSITOR")
    modifier.node_group = tree = bpy.data.node_groups.new("Strip", "CompositorNodeTree")
    for name, in_out in (("Image", "INPUT"), ("Mask", "INPUT"), ("Image", "OUTPUT")):
        tree.interface.new_socket(name, in_out=in_out, socket_type="NodeSocketColor")
    entry, leave = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    turned = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(entry.outputs[0], turned.inputs["Color"])
    tree.links.new(turned.outputs[0], leave.inputs[0])
    facts["inverted"] = float(render(folder, "inverted")[..., :3].mean())
    facts["failed before"] = records()
    other = graphs.empty_scene(*size)
    matte = graphs.add_matte(other)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = matte.node_tree
    scene.compositing_node_group = None
    tree.links.new(entry.outputs[0], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], leave.inputs[0])
    facts["matted"] = float(np.abs(render(folder, "matted")[..., 3]).max())
    facts["records"] = records()
    return facts
