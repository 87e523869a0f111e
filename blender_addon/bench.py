"""What a Portrait Matte costs per frame, as a table.

    python blender_addon/bench.py dist/flyaway-0.1.0-linux_x64.zip --frames 5

Run it with a Python that has `bpy`. The zip is installed into a folder of its own, which is thrown away. A
photograph is scaled up to HD and UHD and rendered through Image → Portrait Matte → output, and without the
node; then Blender's default cube through Render Layers, which Blender then renders twice.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLATE = HERE.parent / "examples" / "astronaut.png"
ADDON = "bl_ext.user_default.flyaway"
SIZES = ((1920, 1080), (3840, 2160))
COLUMNS = (
    "upstream",
    "frame",
    "tap ms",
    "matte ms",
    "write-back ms",
    "whole frame ms",
    "without the node ms",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n|---|---|---:|---:|---:|---:|---:|"


def main() -> None:
    """Start the same script in a Blender whose user has nothing but the extension."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("zip", type=Path)
    parser.add_argument("--frames", type=int, default=5, help="measured, after one that is not")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        measure(options.zip, options.frames)
        return
    with tempfile.TemporaryDirectory() as user:
        command = [
            sys.executable,
            __file__,
            str(options.zip.resolve()),
            f"--frames={options.frames}",
            "--inside",
        ]
        environment = os.environ | {"BLENDER_USER_RESOURCES": user}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    if done.returncode or len(rows) != 2 * len(SIZES):
        sys.exit(f"error: Blender ended with {done.returncode}:\n{done.stdout[-3000:]}")
    print(HEAD, *rows, sep="\n")


def measure(extension: Path, frames: int) -> None:
    """Print a row for each source and size; runs inside Blender, and does not come back."""
    import bpy

    bpy.ops.extensions.package_install_files(
        repo="user_default", filepath=str(extension), enable_on_install=True
    )
    report = sys.modules[f"{ADDON}.report"]
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device, scene.cycles.samples = "CYCLES", "CPU", 1
    scene.cycles.use_denoising = False
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f"{folder}/frame"
        for source in ("image", "Render Layers"):
            for size in SIZES:
                scene.render.resolution_x, scene.render.resolution_y = size
                upstream = add_picture(size, folder) if source == "image" else None
                plain = statistics.median(render(report, frames, upstream, matte=False)[0])
                whole, records = render(report, frames, upstream, matte=True)
                stages = [
                    statistics.median(getattr(record, name) for record in records)
                    for name in ("tap_s", "matte_s", "write_s")
                ]
                cells = " | ".join(
                    f"{1000 * seconds:.0f}" for seconds in (*stages, statistics.median(whole), plain)
                )
                print(f"| {source} | {size[0]}×{size[1]} | {cells} |", flush=True)
    for name in dir(bpy.app.handlers):
        listeners = getattr(bpy.app.handlers, name)
        if isinstance(listeners, list):
            listeners.clear()
    sys.stdout.flush()
    os._exit(0)  # bpy's own way out crashes some versions


def add_picture(size: tuple[int, int], folder: str) -> object:
    """The photograph at that size, as the EXR that footage would be."""
    import bpy

    image = bpy.data.images.load(str(PLATE))
    image.scale(*size)
    path = f"{folder}/plate{size[1]}.exr"
    settings = bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR", "16", "ZIP"
    image.save_render(path)
    return bpy.data.images.load(path)


def render(report: object, frames: int, picture: object, *, matte: bool) -> tuple[list[float], list[object]]:
    """Render 1 + `frames` frames; seconds of each but the first, and what the add-on says of those."""
    import bpy

    scene = bpy.context.scene
    tree = new_tree(scene)
    source = tree.nodes.new("CompositorNodeImage" if picture else "CompositorNodeRLayers")
    if picture:
        source.image = picture
    else:
        source.scene = scene
    wire = source.outputs["Image"]
    if matte:
        before = set(tree.nodes)
        bpy.ops.flyaway.add_node()
        (node,) = set(tree.nodes) - before
        tree.links.new(wire, node.inputs["Image"])
        wire = node.outputs["Image"]
    tree.links.new(wire, tree.nodes["Out"].inputs[0])
    seconds, records = [], []
    for frame in range(1, frames + 2):
        scene.frame_set(frame)
        begun = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        seconds.append(time.perf_counter() - begun)
        records += report.records
    if any(record.status != "matted" for record in records):
        raise RuntimeError(f"not every frame was matted: {records}")
    return seconds[1:], records[1:]


def new_tree(scene: object) -> object:
    """An empty compositor with its output, on any Blender."""
    import bpy

    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        scene.node_tree.nodes.new("CompositorNodeComposite").name = "Out"
        return scene.node_tree
    tree = bpy.data.node_groups.new("Comp", "CompositorNodeTree")
    scene.compositing_node_group = tree
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    tree.nodes.new("NodeGroupOutput").name = "Out"
    return tree


if __name__ == "__main__":
    main()
