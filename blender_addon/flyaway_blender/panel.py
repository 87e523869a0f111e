"""The sidebar of the compositor, and the node's label: what a Portrait Matte does, and how it is."""

from __future__ import annotations

import bpy

from . import cache, group, report, retouch, uses

ICONS = {
    "idle": "RADIOBUT_OFF",
    "analysing": "TIME",
    "matted": "CHECKMARK",
    "cached": "DISK_DRIVE",
    "failed": "ERROR",
}


def draw_settings(layout: bpy.types.UILayout, node: bpy.types.Node) -> None:
    """State, buttons and settings of a Portrait Matte; the same wherever they are shown."""
    tree = node.node_tree
    uid = tree.flyaway.uid
    state = report.state(uid)
    draw_state(layout, tree)
    row = layout.row(align=True)
    if state.kind == "analysing":
        row.operator("flyaway.stop_analysis", icon="CANCEL").uid = uid
        row = layout.row(align=True)
        row.enabled = False
    row.operator("flyaway.analyse_frame", text="Frame", icon="RENDER_STILL").uid = uid
    row.operator("flyaway.analyse_range", text="Range", icon="RENDER_ANIMATION").uid = uid
    row.operator("flyaway.clear_cache", text="", icon="TRASH").uid = uid
    column = layout.column()
    column.use_property_split = True
    column.prop(tree.flyaway, "model_choice")
    column.prop(tree.flyaway, "refine")
    column.prop(tree.flyaway, "stills")
    row = column.row()
    row.active = not tree.flyaway.stills
    row.prop(tree.flyaway, "steadiness")
    column.separator()
    row = column.row(align=True)
    row.prop(tree.flyaway, "subject")
    row.operator("flyaway.pick_person", text="", icon="EYEDROPPER")
    for name in ("grow", "soften", "fill_holes"):
        column.prop(tree.flyaway, name)
    trouble = retouch.trouble(node)
    if trouble:
        column.label(text=trouble[:60], icon="ERROR")
    if retouch.is_stale(tree):
        column.operator("flyaway.update_cache", icon="FILE_REFRESH").uid = uid


def draw_state(layout: bpy.types.UILayout, tree: bpy.types.NodeTree) -> None:
    """One line: idle, analysing 12/240, cached 1-240, or what is wrong."""
    state = report.state(tree.flyaway.uid)
    if state.kind == "analysing" and hasattr(layout, "progress"):
        layout.progress(factor=state.progress, text=f"analysing {state.text}")
        return
    text = remark(tree)
    row = layout.column(align=True)
    row.alert = state.kind == "failed"
    for number, line in enumerate(_wrapped(text)):
        row.label(text=line, icon=ICONS[state.kind] if number == 0 else "BLANK1")


def remark(tree: bpy.types.NodeTree) -> str:
    """A tree's state in words."""
    state = report.state(tree.flyaway.uid)
    if state.kind == "idle" and cache.playing(tree):
        return f"cached {tree.flyaway.first}-{tree.flyaway.last}"
    if state.kind == "idle":
        return "idle: mattes are made as you render"
    return f"{state.kind} {state.text}".strip()


def _wrapped(text: str, width: int = 34) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


class FLYAWAY_PT_matte(bpy.types.Panel):
    """Sidebar > Flyaway."""

    bl_label = "Portrait Matte"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Flyaway"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """In the compositor."""
        return context.space_data.tree_type == "CompositorNodeTree"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the active node, or how to get one."""
        node = uses.active(context)
        if node is None:
            self.layout.label(text="Select a Portrait Matte, or")
            self.layout.operator("flyaway.add_node", text="Add Portrait Matte", icon="ADD")
            self.layout.operator("flyaway.analyse_range", text="Analyse All Nodes").everything = True
            return
        draw_settings(self.layout, node)
        if not context.scene.render.use_lock_interface:
            column = self.layout.column(align=True)
            column.label(text="While rendering, locking the interface is safer:")
            column.prop(context.scene.render, "use_lock_interface")


def draw_header(self: bpy.types.Header, context: bpy.types.Context) -> None:
    """The active node's state, in the node editor's header."""
    if context.space_data.tree_type != "CompositorNodeTree":
        return
    node = uses.active(context)
    if node is not None:
        state = report.state(node.node_tree.flyaway.uid)
        row = self.layout.row(align=True)
        row.alert = state.kind == "failed"
        row.label(text=remark(node.node_tree)[:60], icon=ICONS[state.kind])


def label_nodes() -> None:
    """Write states on the nodes themselves. Labels that people gave stay."""
    for node in uses.matte_nodes():
        if not node.label.startswith(group.TITLE) or node.id_data.library is not None:
            continue
        state = report.state(node.node_tree.flyaway.uid)
        # What failed is told in full in header and sidebar; a node's head has room for a few words.
        short = "failed" if state.kind == "failed" else remark(node.node_tree)
        text = f"{group.TITLE}: {short}" if state.kind != "idle" else group.TITLE
        if node.label != text[:63]:
            node.label = text[:63]
        if state.kind == "failed" or node.use_custom_color:
            node.use_custom_color = state.kind == "failed"
            node.color = (0.6, 0.1, 0.1)


def register() -> None:
    """Show them."""
    bpy.utils.register_class(FLYAWAY_PT_matte)
    bpy.types.NODE_HT_header.append(draw_header)
    report.on_change.append(label_nodes)


def unregister() -> None:
    """Take them away."""
    report.on_change.remove(label_nodes)
    bpy.types.NODE_HT_header.remove(draw_header)
    bpy.utils.unregister_class(FLYAWAY_PT_matte)
