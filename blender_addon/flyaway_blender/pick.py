"""Which person, by a click: on a picture in the Image Editor, or on the compositor's backdrop."""

from __future__ import annotations

import bpy
from bpy.props import FloatProperty

from . import group, uses

# Pictures of the scene's canvas, in whose middle a plate lies; all others are plates themselves.
OF_THE_CANVAS = ("RENDER_RESULT", "COMPOSITING")
BACKDROP = "Viewer Node"
_UNTOUCHED = (64, 64)  # of a matte in memory that nobody wrote yet


class FLYAWAY_OT_pick_person(bpy.types.Operator):
    """Click on the person to keep, in this frame; followed when the range is analysed"""

    bl_idname = "flyaway.pick_person"
    bl_label = "Pick Person"
    bl_options = {"REGISTER", "UNDO", "DEPENDS_ON_CURSOR"}
    bl_cursor_pending = "EYEDROPPER"

    x: FloatProperty(name="X", description="Pixels of the plate from its left edge")
    y: FloatProperty(name="Y", description="Pixels of the plate from its upper edge")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Where a picture is shown, and in scripts."""
        space = context.space_data
        if space is not None and space.type == "NODE_EDITOR":
            cls.poll_message_set("Connect a Viewer node to the plate, and switch the Backdrop on")
            return bool(space.show_backdrop) and BACKDROP in bpy.data.images
        return space is None or space.type != "IMAGE_EDITOR" or space.image is not None

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The pixel under the mouse, in the frame that is shown."""
        region = next((one for one in context.area.regions if one.type == "WINDOW"), context.region)
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        space = context.space_data
        if space.type == "NODE_EDITOR":
            image = bpy.data.images[BACKDROP]
            place = on_backdrop(
                (x, y), (region.width, region.height), space.backdrop_zoom, space.backdrop_offset, image.size
            )
        else:
            image = space.image
            u, v = region.view2d.region_to_view(x, y)
            place = u * image.size[0], (1 - v) * image.size[1]
        tree = _meant(context)
        if tree is not None and image.type in OF_THE_CANVAS:
            place = on_plate(place, image.size, group.matte_node(tree).image.size)
        self.x, self.y = place
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Choose whoever is at the pixel, for the active node or the only one."""
        tree = _meant(context)
        if tree is None:
            self.report({"ERROR"}, "Select the Portrait Matte that is meant, in the compositor")
            return {"CANCELLED"}
        tree.flyaway.subject = f"{self.x:.0f},{self.y:.0f}@{context.scene.frame_current}"
        self.report({"INFO"}, f"Person at {tree.flyaway.subject}; Range follows them through the shot")
        return {"FINISHED"}


def on_backdrop(
    mouse: tuple[float, float],
    region: tuple[int, int],
    zoom: float,
    offset: tuple[float, float],
    size: tuple[int, int],
) -> tuple[float, float]:
    """The backdrop's pixel under the mouse, from the upper left corner.

    Parameters
    ----------
    mouse : px from the region's lower left corner.
    region : its width and height.
    zoom, offset : the node editor's; but for the offset the backdrop lies in the region's middle.
    size : the backdrop's width and height.
    """
    x, y = ((mouse[axis] - region[axis] / 2 - offset[axis]) / zoom + size[axis] / 2 for axis in range(2))
    return x, size[1] - y


def on_plate(
    place: tuple[float, float], canvas: tuple[int, int], matte: tuple[int, int]
) -> tuple[float, float]:
    """A pixel of the scene's canvas as one of the plate, which lies in its middle as the matte does."""
    if tuple(matte) == _UNTOUCHED or not all(matte):
        return place
    x, y = (place[axis] - (canvas[axis] - matte[axis]) / 2 for axis in range(2))
    return x, y


def _meant(context: bpy.types.Context) -> bpy.types.NodeTree | None:
    node = uses.active(context)
    wanted = [node.node_tree] if node is not None else [use.tree for use in uses.used(context.scene)]
    return wanted[0] if len(wanted) == 1 else None


def _draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator(FLYAWAY_OT_pick_person.bl_idname)


def register() -> None:
    """Show it in the Image Editor's Image menu; the sidebar has it, too."""
    bpy.utils.register_class(FLYAWAY_OT_pick_person)
    bpy.types.IMAGE_MT_image.append(_draw)


def unregister() -> None:
    """Take it away."""
    bpy.types.IMAGE_MT_image.remove(_draw)
    bpy.utils.unregister_class(FLYAWAY_OT_pick_person)
