"""A matte for a strip of the sequencer: mattes on disk as a strip, and a Mask modifier that uses it.

The mattes are made in a scene beside (`Flyaway STRIP`), which stays: there they can be analysed again.
"""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty

from . import add, analysis, cache, compat, group, settings, uses


class FLYAWAY_OT_matte_strip(bpy.types.Operator):
    """Cut the person out of this strip: mattes are kept on disk, and mask it"""

    bl_idname = "flyaway.matte_strip"
    bl_label = "Portrait Matte"
    bl_options = {"REGISTER", "UNDO"}

    stills: BoolProperty(name="Each Frame by Itself", options={"SKIP_SAVE"}, description=settings.STILLS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """For movies and images."""
        editor = context.scene.sequence_editor if context.scene else None
        strip = editor.active_strip if editor else None
        return strip is not None and strip.type in ("MOVIE", "IMAGE")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Matte the frames that the strip shows, and mask it."""
        strip = context.scene.sequence_editor.active_strip
        if not _runs_as_shot(strip):
            self.report({"ERROR"}, "This strip is retimed or reversed: matte it as it was shot")
            return {"CANCELLED"}
        scene = bpy.data.scenes.new(f"Flyaway {strip.name}")
        try:
            use, frames = _build(scene, strip)
            use.tree.flyaway.stills = self.stills
            work = analysis.Analysis(scene, [use], frames)
            while work.step():
                pass
            work.close()
            if work.failed:
                first = work.lost[0]
                raise RuntimeError(f"{work.failed} mattes failed; frame {first.frame}: {first.message}")
            _mask(context.scene, strip, use, frames)
        except Exception as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def _runs_as_shot(strip: bpy.types.Strip) -> bool:
    """Whether each frame of the strip shows the next one of its footage.

    Before 4.5 only movies say their retiming keys; a sequence of images is then as long as it has images.
    """
    if len(getattr(strip, "retiming_keys", ())) > 0 or getattr(strip, "use_reverse_frames", False):
        return False
    return strip.type != "IMAGE" or strip.frame_duration == len(strip.elements)


def _build(scene: bpy.types.Scene, strip: bpy.types.Strip) -> tuple[uses.Use, range]:
    """The strip's own frames, from 1, into a Portrait Matte; the frames that it shows."""
    tree = compat.ensure_compositor_tree(scene)
    for node in [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers"]:
        tree.nodes.remove(node)
    source = tree.nodes.new("CompositorNodeImage")
    if strip.type == "MOVIE":
        path, count = strip.filepath, strip.frame_duration
    else:
        path, count = str(Path(strip.directory) / strip.elements[0].filename), len(strip.elements)
    source.image = bpy.data.images.load(bpy.path.abspath(path))
    if strip.type == "IMAGE" and count > 1:
        source.image.source = "SEQUENCE"
        digits = "".join(c if c.isdigit() else " " for c in Path(path).stem).split()
        source.frame_offset = int(digits[-1]) - 1 if digits else 0
    if count > 1:
        source.frame_duration, source.frame_start = count, 1
    source.image.colorspace_settings.name = strip.colorspace_settings.name
    scene.render.resolution_x, scene.render.resolution_y = source.image.size
    matte = add.add_to(tree)
    matte.inputs[group.EDGES].default_value = 0.0  # a mask is all that the strip takes
    tree.links.new(source.outputs[0], matte.inputs["Image"])
    tree.links.new(matte.outputs["Image"], compat.output_node(tree).inputs[0])
    first = 1 + int(strip.frame_offset_start)
    frames = range(first, first + int(strip.frame_final_duration))
    if strip.type == "IMAGE" and count == 1:  # a still, however long
        frames = range(1, 2)
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    return uses.Use(matte), frames


def _mask(scene: bpy.types.Scene, strip: bpy.types.Strip, use: uses.Use, frames: range) -> None:
    """A strip of the mattes on the first free channel, muted, and a modifier that takes alpha from it."""
    editor = scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    channel = max(one.channel for one in strips) + 1
    place = cache.folder(use.tree)
    start = int(strip.frame_final_start)
    mattes = strips.new_image(
        f"{strip.name} matte", str(cache.matte_path(place, frames[0])), channel, start, fit_method="ORIGINAL"
    )
    for frame in frames[1:]:
        mattes.elements.append(cache.matte_path(place, frame).name)
    mattes.frame_final_duration = int(strip.frame_final_duration)
    _lay_alike(strip, mattes)
    # Up to 5.0 the sequencer brings every strip to its own space: what claims to be in it already stays as it
    # is. 5.2 takes masks scene-linear.
    own = scene.sequencer_colorspace_settings.name
    mattes.colorspace_settings.name = "Non-Color" if compat.MASK_IS_LINEAR else own
    mattes.mute = True
    workspace = bpy.context.workspace
    if getattr(workspace, "sequencer_scene", scene) is None:
        workspace.sequencer_scene = scene  # 5.0 crashes in modifiers.new where no sequencer is being edited
    modifier = strip.modifiers.new("Portrait Matte", "MASK")
    modifier.input_mask_type, modifier.input_mask_strip = "STRIP", mattes
    strip.blend_type = "ALPHA_OVER"


def _lay_alike(strip: bpy.types.Strip, mattes: bpy.types.Strip) -> None:
    """Scale, move and turn the mattes as the strip is: a mask is taken as it lies in the picture."""
    for prop in strip.transform.bl_rna.properties:
        if not prop.is_readonly:
            setattr(mattes.transform, prop.identifier, getattr(strip.transform, prop.identifier))
    if compat.MASK_AFTER_FLIP:
        for side in ("min_x", "max_x", "min_y", "max_y"):
            setattr(mattes.crop, side, getattr(strip.crop, side))
        mattes.use_flip_x, mattes.use_flip_y = strip.use_flip_x, strip.use_flip_y


def _draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator(FLYAWAY_OT_matte_strip.bl_idname)


def register() -> None:
    """Show it in the Strip menu."""
    bpy.utils.register_class(FLYAWAY_OT_matte_strip)
    bpy.types.SEQUENCER_MT_strip.append(_draw)


def unregister() -> None:
    """Take it out again."""
    bpy.types.SEQUENCER_MT_strip.remove(_draw)
    bpy.utils.unregister_class(FLYAWAY_OT_matte_strip)
