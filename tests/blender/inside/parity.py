"""Renders plates through a Portrait Matte, and keeps which regions were refined."""

from __future__ import annotations

from pathlib import Path

import bpy
import graphs
import numpy as np


def render(
    plate: str, size: list[int], out: str, frames: list[int] | None = None, edges: float = 1.0
) -> dict[str, object]:
    """Render a plate, or its `frames` (how many, first one's number); EXRs and cells go into `out`.

    `edges` is the node's Edge Colour: 0 the plate's, 1 the person's own.
    """
    from flyaway.matting import Matting

    cells: list[np.ndarray] = []
    call = Matting.__call__

    def keeping(self: Matting, *arguments: object, **named: object) -> object:
        matte = call(self, *arguments, **named)
        cells.append(matte.cells)
        return matte

    Matting.__call__ = keeping
    node = graphs.matte_of(plate, *size, tuple(frames) if frames else None)
    node.inputs["Edge Colour"].default_value = edges
    graphs.write_exr(f"{out}/####.exr")
    scene = bpy.context.scene
    if frames is None:
        scene.frame_start = scene.frame_end = 1
    else:
        scene.frame_start, scene.frame_end = frames[1], frames[1] + frames[0] - 1
    bpy.ops.render.render(animation=True)
    np.savez(f"{out}/cells.npz", *cells)
    return {"written": sorted(path.name for path in Path(out).glob("*.exr"))}
