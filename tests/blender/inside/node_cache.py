"""A node's mattes kept on disk, worked on there, and played without the add-on. Facts, judged outside."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import graphs
import numpy as np
from node import REPORT, apart, image_of, records

import files


def cached(plate: str, size: list[int], frames: list[int], folder: str) -> dict[str, object]:
    """Analysed in part, rendered from disk, stale; saved for a Blender without the add-on."""
    node = graphs.matte_of(plate, *size, tuple(frames))
    node.node_tree.flyaway.stills = True  # compared with renders, which make stills
    tree, scene = node.id_data, bpy.context.scene
    tree.nodes.active = node
    scene.frame_start, scene.frame_end = frames[1], frames[1] + frames[0] - 1
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    shots = {}

    def animation(name: str) -> list[str]:
        graphs.write_exr(f"{folder}/{name}.####.exr")
        bpy.ops.render.render(animation=True)
        statuses = [str(entry[2]) for entry in records()]
        shots[name] = [
            files.read(f"{folder}/{name}.{frame:04d}.exr")
            for frame in range(scene.frame_start, scene.frame_end + 1)
        ]
        return statuses

    facts: dict[str, object] = {"live": animation("live")}
    scene.frame_end -= 1
    bpy.ops.flyaway.analyse_range()
    scene.frame_end += 1
    facts["analysed"] = [str(entry[2]) for entry in records()]
    facts["label"] = node.label
    facts["cached"] = animation("cached")
    facts["difference"] = max(apart(a, b) for a, b in zip(shots["live"], shots["cached"], strict=True))
    node.node_tree.flyaway.refine = False
    facts["other settings"] = animation("coarse")
    node.node_tree.flyaway.refine = True
    Path(bpy.path.abspath(image_of(tree).image.filepath)).touch()
    facts["touched"] = animation("touched")
    facts["relative"] = [i.filepath for i in bpy.data.images if i.name.endswith(" cached")]
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return facts


def worked(plate: str, size: list[int], frames: list[int], folder: str) -> dict[str, object]:
    """Analysed, then choked: from raw mattes on disk, and kept for a Blender without the add-on."""
    from flyaway.controls import Controls, apply

    node = graphs.matte_of(plate, *size, tuple(frames))
    tree, scene = node.id_data, bpy.context.scene
    tree.nodes.active = node
    own = node.node_tree.flyaway
    scene.frame_start, scene.frame_end = frames[1], frames[1] + frames[0] - 1
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    bpy.ops.flyaway.analyse_range()
    shots, facts = {}, {}
    retouch = sys.modules[REPORT.replace("report", "retouch")]
    for name, amount in (("raw", 0.0), ("live", -1.0)):
        own.grow = amount
        node.inputs["Gamma"].default_value = 1.0 if amount == 0 else 1.5
        graphs.write_exr(f"{folder}/{name}.####.exr")
        bpy.ops.render.render(animation=True)
        facts[name] = [str(entry[2]) for entry in records()]
        numbers = range(frames[1], frames[1] + frames[0])
        shots[name] = [files.read(f"{folder}/{name}.{frame:04d}.exr")[..., 3] for frame in numbers]
    controls = Controls(gamma=1.5, grow=-1.0)
    wanted = [apply(np.ascontiguousarray(raw), controls) for raw in shots["raw"]]
    upright = [apply(np.ascontiguousarray(raw[::-1]), controls)[::-1] for raw in shots["raw"]]
    # Whichever end of the picture comes first: a disc does not mind.
    facts["apart"] = max(apart(a, b) for a, b in zip(shots["live"], wanted, strict=True))
    facts["upright"] = max(apart(a, b) for a, b in zip(shots["live"], upright, strict=True))
    facts["stale"] = [retouch.is_stale(node.node_tree)]
    bpy.ops.flyaway.update_cache()
    facts["stale"].append(retouch.is_stale(node.node_tree))
    own.subject = f"largest@{frames[1]}"
    bpy.ops.flyaway.analyse_range()
    facts["analysed again"] = [str(entry[2]) for entry in records()]
    cache, origins = (sys.modules[REPORT.replace("report", name)] for name in ("cache", "origins"))
    facts["followed"] = sorted(origins.load(cache.folder(node.node_tree)).where)
    node.inputs["Gamma"].default_value = 1.5
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return facts


def without(folder: str, frames: list[int]) -> dict[str, object]:
    """Without the add-on: by frame, the largest difference from what was live, and the mean."""
    assert REPORT not in sys.modules
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/shot.blend")
    graphs.write_exr(f"{folder}/without.####.exr")
    bpy.ops.render.render(animation=True)
    numbers = range(frames[1], frames[1] + frames[0])
    pairs = [[files.read(f"{folder}/{n}.{i:04d}.exr") for n in ("live", "without")] for i in numbers]
    return {
        "apart": [apart(live, here) for live, here in pairs],
        "means": [float(here[..., 3].mean()) for _, here in pairs],
    }
