"""Adding a Portrait Matte: the operator, the Add menu, search."""

from __future__ import annotations

import bpy

from . import compat, group

MENUS = ("NODE_MT_category_compositor_keying", "NODE_MT_compositor_node_add_all")


class FLYAWAY_OT_add_node(bpy.types.Operator):
    """Cut a person out of the footage, hair and all"""

    bl_idname = "flyaway.add_node"
    bl_label = "Portrait Matte"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In the compositor, and in scripts."""
        space = context.space_data
        return space is None or space.type != "NODE_EDITOR" or space.tree_type == "CompositorNodeTree"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the node to the edited tree, or to the scene's."""
        space = context.space_data
        editing = space.edit_tree if space is not None and space.type == "NODE_EDITOR" else None
        tree = editing or compat.ensure_compositor_tree(context.scene)
        node = add_to(tree)
        for other in tree.nodes:
            other.select = other == node
        tree.nodes.active = node
        if editing is not None:
            node.location = space.cursor_location
        if not bpy.app.background and not context.scene.render.use_lock_interface:
            # A window that is drawn while a thread renders the tap has crashed Blender 4.3.
            context.scene.render.use_lock_interface = True
            self.report({"INFO"}, "Render > Lock Interface is on now: mattes are made while rendering")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Add it under the mouse, which then carries it, as with Blender's own nodes."""
        space = context.space_data
        if space is None or space.type != "NODE_EDITOR":
            return self.execute(context)
        space.cursor_location_from_region(event.mouse_region_x, event.mouse_region_y)
        result = self.execute(context)
        bpy.ops.node.translate_attach_remove_on_cancel("INVOKE_DEFAULT")
        return result


def add_to(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A Portrait Matte in a compositing tree."""
    node = tree.nodes.new(compat.GROUP)
    node.node_tree = group.new_tree()
    node.name = node.label = group.TITLE
    node.width = 180
    return node


def _draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.operator(FLYAWAY_OT_add_node.bl_idname, text=group.TITLE)


def register() -> None:
    """Show it in menus; the Add menu's search finds what its menus hold."""
    bpy.utils.register_class(FLYAWAY_OT_add_node)
    for name in MENUS:
        if hasattr(bpy.types, name):
            getattr(bpy.types, name).append(_draw)


def unregister() -> None:
    """Take it out of menus."""
    for name in MENUS:
        if hasattr(bpy.types, name):
            getattr(bpy.types, name).remove(_draw)
    bpy.utils.unregister_class(FLYAWAY_OT_add_node)
