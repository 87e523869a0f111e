"""Pictures in the node's other sockets: as large as the plate, smaller, far beyond 0 and 1."""

from __future__ import annotations

import bpy
import graphs
import numpy as np
from node import apart, records, render


def painted(name: str, values: np.ndarray, folder: str) -> str:
    """The file of a grey picture, H×W float32, row 0 at the bottom."""
    height, width = values.shape
    image = bpy.data.images.new(name, width, height, float_buffer=True, is_data=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = values[..., None]
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = f"{folder}/{name}.exr", "OPEN_EXR"
    image.save()
    bpy.data.images.remove(image)
    return f"{folder}/{name}.exr"


def not_needed(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Mattes that could only fail, where nothing that is rendered needs them."""
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    lame = graphs.add_matte(tree)  # nothing is plugged into it
    tree.links.new(lame.outputs["Matte"], node.inputs["Garbage Matte"])
    facts: dict[str, object] = {}

    def became(name: str) -> None:
        render(folder, "out")
        facts[name] = [[entry[0], entry[2]] for entry in records()]

    became("needed")
    node.inputs["Garbage Matte"].links[0].is_muted = True
    became("behind a muted link")
    node.inputs["Garbage Matte"].links[0].is_muted = False
    node.mute = True
    became("behind a muted node")
    node.mute = False
    tree.links.remove(node.inputs["Garbage Matte"].links[0])
    group = bpy.data.node_groups.new("Group", "CompositorNodeTree")
    group.interface.new_socket("In", in_out="INPUT", socket_type="NodeSocketColor")
    entry, leave = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    for name, matte in (("Good", node), ("Bad", lame)):
        group.interface.new_socket(name, in_out="OUTPUT", socket_type="NodeSocketColor")
        inner = group.nodes.new("CompositorNodeGroup")
        inner.name, inner.node_tree = name, matte.node_tree
        group.links.new(inner.outputs["Image"], leave.inputs[name])
    group.links.new(entry.outputs["In"], group.nodes["Good"].inputs["Image"])
    outer = tree.nodes.new("CompositorNodeGroup")
    outer.name, outer.node_tree = "Outer", group
    tree.links.new(node.inputs["Image"].links[0].from_socket, outer.inputs["In"])
    tree.links.new(outer.outputs["Good"], graphs.output(tree))
    tree.nodes.remove(node)
    tree.nodes.remove(lame)
    became("one output of a group")
    tree.links.new(outer.outputs["Bad"], graphs.output(tree))
    became("the other")
    return facts


def pictures(plate: str, size: list[int], folder: str) -> dict[str, float]:
    """The largest difference from what each picture in each socket should come to."""
    width, height = size
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    base = render(folder, "base")[..., 3]
    large = np.zeros((height, width), np.float32)
    large[: height // 2, : width // 3], large[height // 3 :, width // 2 :] = 1, 0.4
    small = large[: height // 2, : width // 2].copy()
    around = np.zeros_like(large)  # Blender lays a smaller picture in the middle
    around[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = small
    wild = 5 * large - 2
    facts = {}

    def compare(name: str, path: str, wanted: dict[str, np.ndarray]) -> None:
        source = graphs.add_image(tree, path)
        for socket, alpha in wanted.items():
            tree.links.new(source.outputs["Image"], node.inputs[socket])
            facts[f"{name} {socket}"] = apart(render(folder, "got")[..., 3], alpha)
            tree.links.remove(node.inputs[socket].links[0])

    def made_of(matte: np.ndarray) -> dict[str, np.ndarray]:
        return {
            "Garbage Matte": base * (1 - np.clip(matte, 0, 1)),
            "Core Matte": np.maximum(base, np.clip(matte, 0, 1)),
        }

    def mixed(matte: np.ndarray) -> dict[str, np.ndarray]:
        return {"Strength": base * matte + 1 - matte, "Invert": base + (1 - 2 * base) * matte}

    compare("large", painted("large", large, folder), made_of(large) | mixed(large))
    compare("small", painted("small", small, folder), made_of(around) | mixed(around))
    compare("wild", painted("wild", wild, folder), made_of(wild))
    # Both at once: core wins, as it does in the core and in Nuke.
    both = graphs.add_image(tree, f"{folder}/large.exr")
    for socket in ("Garbage Matte", "Core Matte"):
        tree.links.new(both.outputs["Image"], node.inputs[socket])
    facts["both"] = apart(render(folder, "both")[..., 3], np.maximum(base * (1 - large), large))
    return facts


def strips(plate: str, size: list[int], folder: str) -> dict[str, float]:
    """Strips scaled, moved, turned, mirrored: the mean difference from a strip of the cut-out itself."""
    graphs.matte_of(plate, *size)
    render(folder, "cut")
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/strips.blend")
    looks = {
        "fit": {},
        "moved": {"scale_x": 0.7, "scale_y": 0.5, "offset_x": 20.0, "offset_y": -11.0},
        "turned": {"rotation": 0.4},
        "mirrored": {},
    }
    facts = {}
    for name, values in looks.items():
        scene = bpy.data.scenes.new("Edit")
        bpy.context.window.scene = scene
        scene.render.resolution_x, scene.render.resolution_y = size[0] // 2, size[1] // 2
        scene.render.film_transparent, scene.view_settings.view_transform = True, "Standard"
        editor = scene.sequence_editor_create()
        laid = graphs.strips_of(editor)
        alphas = []
        for path in (plate, f"{folder}/cut.exr"):
            for old in list(laid):
                laid.remove(old)
            strip = laid.new_image("strip", path, 1, 1, fit_method="FIT")
            strip.blend_type, strip.use_flip_x = "ALPHA_OVER", name == "mirrored"
            for key, value in values.items():
                setattr(strip.transform, key, value)
            if path == plate:
                editor.active_strip = strip
                bpy.ops.flyaway.matte_strip()
            else:
                strip.alpha_mode = "PREMUL"
            alphas.append(render(folder, "strip")[..., 3])
        facts[name] = float(np.abs(alphas[0] - alphas[1]).mean())
    return facts


def reversed_strip(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """What is said of a strip that runs backwards, and how many strips come of it."""
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/refused.blend")
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = size
    editor = scene.sequence_editor_create()
    laid = graphs.strips_of(editor)
    strip = laid.new_image("reversed", plate, 1, 1)
    strip.frame_final_duration, strip.use_reverse_frames = 20, True
    editor.active_strip = strip
    try:
        bpy.ops.flyaway.matte_strip()
        refusal = "nothing"
    except RuntimeError as error:
        refusal = str(error)
    return {"reply": refusal, "made": len(laid) - 1}
