"""Failures that people and farms cannot miss."""

from __future__ import annotations

import re

import bpy
from bpy.props import StringProperty

from . import report

_PART = re.compile(r"(-?\d+)(?:-(-?\d+))?(?:x(\d+))?")


class FLYAWAY_OT_show_failures(bpy.types.Operator):
    """Say which mattes failed"""

    bl_idname = "flyaway.show_failures"
    bl_label = "Flyaway: failed mattes"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Into Blender's own report, which pops up in red."""
        lost = report.failures()
        if lost:
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            self.report(
                {"ERROR"}, f"Portrait Matte, frame {lost[0].frame}, {lost[0].node}: {lost[0].message}{more}"
            )
        return {"FINISHED"}


class FLYAWAY_OT_render_frames(bpy.types.Operator):
    """Render frames to the scene's output path, and fail if a matte failed (for blender -b)"""

    bl_idname = "flyaway.render_frames"
    bl_label = "Render Frames, Mattes Checked"

    frames: StringProperty(name="Frames", description="1-10,20 or 1-100x5; the scene's range if empty")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Render them one by one."""
        scene = context.scene
        try:
            frames = parse_frames(self.frames) or list(range(scene.frame_start, scene.frame_end + 1))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        path, lost = scene.render.filepath, []
        current = scene.frame_current
        try:
            for frame in frames:
                scene.frame_set(frame)
                scene.render.filepath = scene.render.frame_path(frame=frame)
                bpy.ops.render.render(scene=scene.name, write_still=True)
                scene.render.filepath = path
                lost += report.failures()
        finally:
            scene.render.filepath = path
            scene.frame_set(current)
        if lost:
            told = "; ".join(f"frame {entry.frame}: {entry.message}" for entry in lost[:5])
            self.report({"ERROR"}, f"{len(lost)} mattes failed: {told}")
            return {"CANCELLED"}
        return {"FINISHED"}


def parse_frames(text: str) -> list[int]:
    """ "1-10,20,30-40x5" → frames."""
    frames: list[int] = []
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no frame range: write 1-10,20 or 1-100x5")
        first, last, step = (int(group) if group else None for group in match.groups())
        frames += range(first, (first if last is None else last) + 1, step or 1)
    return frames


CLASSES = (FLYAWAY_OT_show_failures, FLYAWAY_OT_render_frames)


def register() -> None:
    """Register the operators."""
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    """Unregister the operators."""
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
