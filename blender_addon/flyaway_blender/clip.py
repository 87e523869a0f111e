"""From the Movie Clip editor: a matte of the clip in one step."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, StringProperty

from . import add, compat


class FLYAWAY_OT_setup_from_clip(bpy.types.Operator):
    """Matte this clip: Movie Clip, Portrait Matte and output in the scene's compositor"""

    bl_idname = "flyaway.setup_from_clip"
    bl_label = "Create Matte Setup from Clip"
    bl_options = {"REGISTER", "UNDO"}

    clip: StringProperty(options={"HIDDEN", "SKIP_SAVE"}, description="Its name; the editor's clip if empty")
    fit_scene: BoolProperty(
        name="Fit Scene", default=True, description="Give the scene the clip's size and length"
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Build it."""
        space = context.space_data
        clip = bpy.data.movieclips.get(self.clip) if self.clip else getattr(space, "clip", None)
        if clip is None:
            self.report({"ERROR"}, "Open a clip first")
            return {"CANCELLED"}
        scene = context.scene
        tree = compat.ensure_compositor_tree(scene)
        source = tree.nodes.new("CompositorNodeMovieClip")
        source.clip = clip
        matte = add.add_to(tree)
        output = compat.output_node(tree) or tree.nodes.new(compat.COMPOSITE)
        source.location = (output.location.x - 520, output.location.y - 260)
        matte.location = (output.location.x - 260, output.location.y - 260)
        tree.links.new(source.outputs["Image"], matte.inputs["Image"])
        tree.links.new(matte.outputs["Image"], output.inputs[0])
        tree.nodes.active = matte
        if self.fit_scene:
            scene.render.resolution_x, scene.render.resolution_y = clip.size
            scene.render.resolution_percentage = 100
            scene.frame_start, scene.frame_end = clip.frame_start, clip.frame_start + clip.frame_duration - 1
            scene.render.film_transparent = True
        return {"FINISHED"}


def _draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator(FLYAWAY_OT_setup_from_clip.bl_idname)


def register() -> None:
    """Show it in the Clip menu."""
    bpy.utils.register_class(FLYAWAY_OT_setup_from_clip)
    bpy.types.CLIP_MT_clip.append(_draw)


def unregister() -> None:
    """Take it out again."""
    bpy.types.CLIP_MT_clip.remove(_draw)
    bpy.utils.unregister_class(FLYAWAY_OT_setup_from_clip)
