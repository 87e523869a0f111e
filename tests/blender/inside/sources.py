"""What a matte may be made of: movies, clips of several frames, 3D scenes, moved and cropped pictures."""

from __future__ import annotations

from pathlib import Path

import bpy
import graphs
import numpy as np
from node import apart, image_of, records, render

import files


def animation(folder: str, name: str, first: int, last: int) -> tuple[list[np.ndarray], list[str]]:
    """The mattes of some frames as they render, and what became of each."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = first, last
    graphs.write_exr(f"{folder}/{name}.####.exr")
    bpy.ops.render.render(animation=True)
    frames = range(first, last + 1)
    mattes = [files.read(f"{folder}/{name}.{frame:04d}.exr")[..., 3] for frame in frames]
    return mattes, [str(entry[2]) for entry in records()]


def confusion(found: list[np.ndarray], wanted: list[np.ndarray]) -> list[list[float]]:
    """Mean differences: one row a matte that was found, one column a matte that was wanted."""
    return [[float(np.abs(a - b).mean()) for b in wanted] for a in found]


def movies(plate: str, movie: str, count: int, first: int, size: list[int], folder: str) -> dict[str, object]:
    """A movie, and clips of it and of the same frames as files, against each frame's own matte."""
    node = graphs.matte_of(plate, *size, (count, first))
    wanted, _ = animation(folder, "wanted", first, first + count - 1)
    facts: dict[str, object] = {"frames": confusion(wanted, wanted)}
    tree = node.id_data
    source = graphs.add_image(tree, movie)
    source.frame_duration, source.frame_start = count, 1
    tree.links.new(source.outputs[0], node.inputs["Image"])
    mattes, statuses = animation(folder, "movie", 1, count)
    facts["movie"], facts["movie statuses"] = confusion(mattes, wanted), statuses
    for name, path in {"movie clip": movie, "sequence clip": plate}.items():
        clip = bpy.data.movieclips.load(path)
        bpy.ops.flyaway.setup_from_clip(clip=clip.name)
        scene = bpy.context.scene
        facts[f"{name} range"] = [scene.frame_start, scene.frame_end, *scene_size(scene)]
        mattes, statuses = animation(folder, name, scene.frame_start, scene.frame_end)
        facts[name], facts[f"{name} statuses"] = confusion(mattes, wanted), statuses
    for own in files.matte_trees():
        own.flyaway.stills = True  # as renders without mattes on disk are; shots have tests of their own
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/clips.blend")
    bpy.ops.flyaway.analyse_range()
    facts["analysed"] = animation(folder, "cached", 1, count)[1]
    Path(plate.replace(f"{first:04d}", f"{first + 1:04d}")).touch()  # the clip's second frame
    facts["touched"] = animation(folder, "touched", 1, count)[1]
    return facts


def scene_size(scene: bpy.types.Scene) -> list[int]:
    """Width and height that a scene renders."""
    return [scene.render.resolution_x, scene.render.resolution_y]


def _stage(plate: str, size: list[int], count: int) -> None:
    """A 3D scene: a plane that shows the plate and moves, before an orthographic camera."""
    scene = bpy.context.scene
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    bpy.ops.mesh.primitive_plane_add(size=2)
    plane = bpy.context.object
    material = bpy.data.materials.new("Person")
    material.use_nodes = True
    nodes, link = material.node_tree.nodes, material.node_tree.links.new
    nodes.clear()
    picture, light = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeEmission")
    picture.image = bpy.data.images.load(plate)
    link(picture.outputs["Color"], light.inputs["Color"])
    link(light.outputs[0], nodes.new("ShaderNodeOutputMaterial").inputs["Surface"])
    plane.data.materials.append(material)
    for frame in range(1, count + 1):
        plane.location.x = 0.15 * (frame - 1)
        plane.keyframe_insert("location", frame=frame)
    camera = bpy.data.cameras.new("Camera")
    camera.type, camera.ortho_scale = "ORTHO", 2.0
    scene.camera = bpy.data.objects.new("Camera", camera)
    scene.collection.objects.link(scene.camera)
    scene.camera.location.z = 3
    scene.render.resolution_x, scene.render.resolution_y = size


def render_layers(plate: str, size: list[int], folder: str, count: int) -> dict[str, object]:
    """A 3D scene straight into a Portrait Matte; rendered first, then matted; analysed from those EXRs."""
    tree = graphs.empty_scene(*size)
    _stage(plate, size, count)
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = bpy.context.scene
    tree.links.new(layers.outputs["Image"], graphs.output(tree))
    animation(folder, "picture", 1, count)
    node = graphs.add_matte(tree)
    node.node_tree.flyaway.stills = True  # compared with a render, which makes stills
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], graphs.output(tree))
    both, statuses = animation(folder, "both", 1, count)
    facts: dict[str, object] = {"statuses": statuses, "scenes": len(bpy.data.scenes)}
    facts["means"] = [float(matte.mean()) for matte in both]
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/layers.blend")
    tree.nodes.active = node
    source = graphs.add_image(tree, f"{folder}/picture.0001.exr", (count, 1))
    tree.links.new(source.outputs["Image"], node.inputs["Image"])
    bpy.ops.flyaway.analyse_range()
    facts["from EXRs analysed"] = [str(entry[2]) for entry in records()]
    from_exrs, facts["from EXRs"] = animation(folder, "exrs", 1, count)
    facts["share"] = [float((np.abs(a - b) <= 2 / 1024).mean()) for a, b in zip(both, from_exrs, strict=True)]
    facts["confusion"] = confusion(both, from_exrs)
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    bpy.ops.flyaway.analyse_range()
    facts["3D cached"] = animation(folder, "cached", 1, count)[1]
    bpy.data.materials["Person"].node_tree.nodes["Emission"].inputs["Strength"].default_value = 0.5
    facts["3D changed"] = animation(folder, "changed", 1, count)[1]
    return facts


def matte_alone(picture: np.ndarray) -> np.ndarray:
    """What the core says of a picture as it was rendered: H×W×4 linear premultiplied, row 0 at the bottom."""
    import flyaway

    there = picture[..., 3] > 0
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    plate = np.ascontiguousarray(picture[box][::-1])
    matte = np.zeros(picture.shape[:2], np.float32)
    network = flyaway.load("fast", device="cpu")
    opaque = plate[..., 3].min() >= 1
    got = network(plate[..., :3], "linear") if opaque else network(plate, "linear", premultiplied=True)
    matte[box] = got.alpha[::-1]
    return matte


def moved(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Cropped, turned, scaled and pushed pictures against the core's matte of what is to be seen."""
    width, height = size
    node = graphs.matte_of(plate, width, height)
    node.inputs["Edge Colour"].default_value = 0.0  # where it lies is what is asked here
    tree, scene = node.id_data, bpy.context.scene
    facts: dict[str, object] = {}

    def compare(name: str) -> None:
        got = render(folder, name)
        tree.links.new(node.inputs["Image"].links[0].from_socket, graphs.output(tree))
        rendered = render(folder, f"{name} plate")  # the plate without the node
        tree.links.new(node.outputs["Image"], graphs.output(tree))
        wanted = matte_alone(rendered)
        difference = np.abs(got[..., 3] - wanted)
        facts[name] = [
            float((difference <= 2 / 1024).mean()),
            float(difference.mean()),
            float(difference.max()),
        ]
        # The colour is the plate's times the matte's, pixel for pixel.
        facts[f"{name} colour"] = apart(got[..., :3], rendered[..., :3] * got[..., 3:])

    base = render(folder, "base")
    for crop in (False, True):
        scene.render.use_border, scene.render.use_crop_to_border = True, crop
        scene.render.border_min_x, scene.render.border_max_x = 0.25, 0.75
        scene.render.border_min_y, scene.render.border_max_y = 0.125, 1.0
        got = render(folder, f"border {crop}")
        node.inputs["Strength"].default_value = 0.0
        rendered = render(folder, f"border {crop} plate")
        node.inputs["Strength"].default_value = 1.0
        inside = (slice(height // 8, height), slice(width // 4, 3 * width // 4))
        facts[f"border {crop}"] = got.shape[:2]
        facts[f"border {crop} colour"] = apart(got[..., :3], rendered[..., :3] * got[..., 3:])
        if crop:  # Blender lays a plate in the middle of the cropped canvas
            y, x = (height - got.shape[0]) // 2, (width - got.shape[1]) // 2
            facts["border place"] = apart(got, base[y : y + got.shape[0], x : x + got.shape[1]])
        else:  # 4.2 leaves out what is beyond the border, later ones do not
            facts["border place without crop"] = apart(got[inside], base[inside])
    scene.render.use_border = False
    move = tree.nodes.new("CompositorNodeTransform")
    tree.links.new(image_of(tree).outputs[0], move.inputs["Image"])
    tree.links.new(move.outputs[0], node.inputs["Image"])
    named = {socket.name: socket for socket in move.inputs}
    settings = {
        "turned": {"Angle": 0.5},
        "scaled": {"Scale": 0.6, "X": 10.0},
        "all": {"Angle": -0.3, "Scale": 1.3, "X": -12.0, "Y": 17.0},
    }
    for name, values in settings.items():
        for key in ("X", "Y", "Angle", "Scale"):
            named[key].default_value = values.get(key, 1.0 if key == "Scale" else 0.0)
        compare(name)
    turn = tree.nodes.new("CompositorNodeRotate")
    next(socket for socket in turn.inputs if socket.type == "VALUE").default_value = 0.4
    tree.links.new(image_of(tree).outputs[0], turn.inputs["Image"])
    tree.links.new(turn.outputs[0], node.inputs["Image"])
    compare("rotated")
    tree.links.new(move.outputs[0], node.inputs["Image"])
    for key in ("X", "Y", "Angle", "Scale"):
        named[key].default_value = {"X": 30.0, "Y": -20.0, "Scale": 1.0}.get(key, 0.0)
    scene.render.resolution_x, scene.render.resolution_y = width - 96, height - 80
    compare("beyond")
    return facts
